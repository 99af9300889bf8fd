using System.Text.Json.Serialization;

namespace Gantry.Docker.Model;

/// <summary>One message of GET /containers/{id}/stats.</summary>
internal sealed record StatsJson
{
    [JsonPropertyName("name")]
    public required string Name { get; init; }

    [JsonPropertyName("id")]
    public required string Id { get; init; }

    [JsonPropertyName("read")]
    public required string Read { get; init; }

    [JsonPropertyName("preread")]
    public required string PreRead { get; init; }

    [JsonPropertyName("pids_stats")]
    public required PidsStatsJson Pids { get; init; }

    [JsonPropertyName("blkio_stats")]
    public required BlkioStatsJson Blkio { get; init; }

    [JsonPropertyName("num_procs")]
    public int Processes { get; init; }

    [JsonPropertyName("cpu_stats")]
    public required CpuStatsJson Cpu { get; init; }

    [JsonPropertyName("precpu_stats")]
    public required CpuStatsJson PreCpu { get; init; }

    [JsonPropertyName("memory_stats")]
    public required MemoryStatsJson Memory { get; init; }

    [JsonPropertyName("networks")]
    public Dictionary<string, NetworkStatsJson>? Networks { get; init; }
}

internal sealed record PidsStatsJson([property: JsonPropertyName("current")] ulong Current, [property: JsonPropertyName("limit")] ulong? Limit);

internal sealed record BlkioStatsJson([property: JsonPropertyName("io_service_bytes_recursive")] List<BlkioEntryJson> Bytes);

internal sealed record BlkioEntryJson(
    [property: JsonPropertyName("major")] uint Major, [property: JsonPropertyName("minor")] uint Minor,
    [property: JsonPropertyName("op")] string Operation, [property: JsonPropertyName("value")] ulong Value);

internal sealed record CpuStatsJson
{
    [JsonPropertyName("cpu_usage")]
    public required CpuUsageJson Usage { get; init; }

    [JsonPropertyName("system_cpu_usage")]
    public ulong System { get; init; }

    [JsonPropertyName("online_cpus")]
    public int Processors { get; init; }

    [JsonPropertyName("throttling_data")]
    public required ThrottlingJson Throttling { get; init; }
}

internal sealed record CpuUsageJson(
    [property: JsonPropertyName("total_usage")] ulong Total, [property: JsonPropertyName("usage_in_kernelmode")] ulong Kernel,
    [property: JsonPropertyName("usage_in_usermode")] ulong User);

internal sealed record ThrottlingJson(
    [property: JsonPropertyName("periods")] ulong Periods, [property: JsonPropertyName("throttled_periods")] ulong ThrottledPeriods,
    [property: JsonPropertyName("throttled_time")] ulong ThrottledTime);

internal sealed record MemoryStatsJson(
    [property: JsonPropertyName("usage")] ulong Usage, [property: JsonPropertyName("stats")] IReadOnlyDictionary<string, ulong> Stats,
    [property: JsonPropertyName("limit")] ulong Limit);

internal sealed record NetworkStatsJson
{
    [JsonPropertyName("rx_bytes")]
    public ulong RxBytes { get; init; }

    [JsonPropertyName("rx_packets")]
    public ulong RxPackets { get; init; }

    [JsonPropertyName("rx_errors")]
    public ulong RxErrors { get; init; }

    [JsonPropertyName("rx_dropped")]
    public ulong RxDropped { get; init; }

    [JsonPropertyName("tx_bytes")]
    public ulong TxBytes { get; init; }

    [JsonPropertyName("tx_packets")]
    public ulong TxPackets { get; init; }

    [JsonPropertyName("tx_errors")]
    public ulong TxErrors { get; init; }

    [JsonPropertyName("tx_dropped")]
    public ulong TxDropped { get; init; }
}
