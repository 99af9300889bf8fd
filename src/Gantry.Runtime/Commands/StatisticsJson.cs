using System.Globalization;
using System.Text.Json;
using Gantry.Linux.Cgroups;

namespace Gantry.Runtime.Commands;

/// <summary>Statistics in the members that runc's events have, which engines read.</summary>
internal static class StatisticsJson
{
    public static void WriteEvent(Utf8JsonWriter writer, string type, string id, CgroupStatistics? statistics)
    {
        writer.WriteStartObject();
        writer.WriteString("type", type);
        writer.WriteString("id", id);
        if (statistics is not null)
        {
            writer.WriteStartObject("data");
            WriteCpu(writer, statistics);
            WriteMemory(writer, statistics);
            writer.WriteStartObject("pids");
            writer.WriteNumber("current", statistics.Pids);
            writer.WriteNumber("limit", statistics.PidsLimit == ulong.MaxValue ? 0 : statistics.PidsLimit);
            writer.WriteEndObject();
            WriteBlock(writer, statistics);
            writer.WriteStartObject("hugetlb");
            foreach (var (size, use) in statistics.HugePages)
            {
                WriteUse(writer, size, use);
            }
            writer.WriteEndObject();
            writer.WriteStartObject("intel_rdt");
            writer.WriteEndObject();
            writer.WriteNull("network_interfaces");
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static void WriteCpu(Utf8JsonWriter writer, CgroupStatistics statistics)
    {
        writer.WriteStartObject("cpu");
        writer.WriteStartObject("usage");
        writer.WriteNumber("total", statistics.CpuUsageNs);
        if (statistics.CpuUsageByProcessorNs.Count > 0)
        {
            writer.WriteStartArray("percpu");
            foreach (var value in statistics.CpuUsageByProcessorNs)
            {
                writer.WriteNumberValue(value);
            }
            writer.WriteEndArray();
        }
        writer.WriteNumber("kernel", statistics.CpuSystemNs);
        writer.WriteNumber("user", statistics.CpuUserNs);
        writer.WriteEndObject();
        writer.WriteStartObject("throttling");
        writer.WriteNumber("periods", statistics.CpuPeriods);
        writer.WriteNumber("throttledPeriods", statistics.CpuThrottledPeriods);
        writer.WriteNumber("throttledTime", statistics.CpuThrottledNs);
        writer.WriteEndObject();
        WritePressure(writer, statistics.CpuPressure);
        writer.WriteEndObject();
    }

    private static void WriteMemory(Utf8JsonWriter writer, CgroupStatistics statistics)
    {
        writer.WriteStartObject("memory");
        writer.WriteNumber("cache", statistics.Memory.GetValueOrDefault("cache", statistics.Memory.GetValueOrDefault("file")));
        WriteUse(writer, "usage", new CgroupUse(
            statistics.MemoryUsageBytes, statistics.MemoryPeakBytes, statistics.MemoryLimitBytes, statistics.MemoryFailures));
        WriteUse(writer, "swap", statistics.Swap);
        WriteUse(writer, "kernel", statistics.KernelMemory);
        WriteUse(writer, "kernelTCP", statistics.KernelTcpMemory);
        writer.WriteStartObject("raw");
        foreach (var (key, value) in statistics.Memory)
        {
            writer.WriteNumber(key, value);
        }
        writer.WriteEndObject();
        WritePressure(writer, statistics.MemoryPressure);
        writer.WriteEndObject();
    }

    private static void WriteUse(Utf8JsonWriter writer, string name, CgroupUse use)
    {
        writer.WriteStartObject(name);
        writer.WriteNumber("limit", use.Limit);
        writer.WriteNumber("usage", use.Usage);
        writer.WriteNumber("max", use.Peak);
        writer.WriteNumber("failcnt", use.Failures);
        writer.WriteEndObject();
    }

    private static void WriteBlock(Utf8JsonWriter writer, CgroupStatistics statistics)
    {
        writer.WriteStartObject("blkio");
        Entries("ioServiceBytesRecursive", static item => (item.ReadBytes, item.WriteBytes));
        Entries("ioServicedRecursive", static item => (item.ReadOperations, item.WriteOperations));
        WritePressure(writer, statistics.IoPressure);
        writer.WriteEndObject();

        void Entries(string name, Func<BlockStatistics, (ulong Read, ulong Write)> values)
        {
            if (statistics.Block.Count == 0)
            {
                return;
            }
            writer.WriteStartArray(name);
            foreach (var device in statistics.Block)
            {
                var (read, write) = values(device);
                Entry(device, "Read", read);
                Entry(device, "Write", write);
            }
            writer.WriteEndArray();
        }

        void Entry(BlockStatistics device, string operation, ulong value)
        {
            writer.WriteStartObject();
            writer.WriteNumber("major", device.Major);
            writer.WriteNumber("minor", device.Minor);
            writer.WriteString("op", operation);
            writer.WriteNumber("value", value);
            writer.WriteEndObject();
        }
    }

    /// <summary>"some avg10=0.00 avg60=0.00 avg300=0.00 total=0" and the same for "full" (kernel: Documentation/accounting/psi.rst).</summary>
    private static void WritePressure(Utf8JsonWriter writer, string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return;
        }
        writer.WriteStartObject("psi");
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var words = line.Split(' ');
            writer.WriteStartObject(words[0]);
            foreach (var word in words.Skip(1))
            {
                var equals = word.IndexOf('=');
                if (equals > 0 && decimal.TryParse(word.AsSpan(equals + 1), CultureInfo.InvariantCulture, out var value))
                {
                    writer.WriteNumber(word[..equals], value);
                }
            }
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }
}
