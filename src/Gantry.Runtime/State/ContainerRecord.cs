using System.Text.Json;
using Gantry.Faults;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.State;

/// <summary>What the runtime keeps of a container between its calls: state.json in the container's directory.</summary>
internal sealed record ContainerRecord
{
    public required string Id { get; init; }

    /// <summary>0 while the container is being created.</summary>
    public int Pid { get; init; }

    /// <summary>Field 22 of /proc/pid/stat: tells this process from a later one of the same number.</summary>
    public ulong StartTime { get; init; }

    public required string Bundle { get; init; }

    public required string Rootfs { get; init; }

    public required string CgroupPath { get; init; }

    /// <summary>The scope of systemd's that the group is; null for a group that was made as files.</summary>
    public string? SystemdUnit { get; init; }

    /// <summary>The slice that the scope is in.</summary>
    public string? SystemdSlice { get; init; }

    /// <summary>It is the user's systemd, not the machine's.</summary>
    public bool IsOfUserSystemd { get; init; }

    public required string CreatedAt { get; init; }

    /// <summary>The bundle names poststop hooks, so that delete must read it again.</summary>
    public bool HasPoststop { get; init; }

    /// <summary>The bundle names poststart hooks.</summary>
    public bool HasPoststart { get; init; }

    /// <summary>The container made its pid namespace: its processes end with the first one.</summary>
    public bool OwnsPidNamespace { get; init; }

    /// <summary>The container has a session keyring of its own.</summary>
    public bool HasKeyring { get; init; }

    /// <summary>Device rules of updates, in the order in which they came; they follow those of config.json.</summary>
    public List<DeviceRuleSpec>? AddedDevices { get; init; }

    public Dictionary<string, string>? Annotations { get; init; }

    public byte[] ToJson()
    {
        using var stream = new MemoryStream(512);
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("id", Id);
            writer.WriteNumber("pid", Pid);
            writer.WriteNumber("startTime", StartTime);
            writer.WriteString("bundle", Bundle);
            writer.WriteString("rootfs", Rootfs);
            writer.WriteString("cgroupPath", CgroupPath);
            if (SystemdUnit is not null)
            {
                writer.WriteString("systemdUnit", SystemdUnit);
                writer.WriteString("systemdSlice", SystemdSlice);
                writer.WriteBoolean("isOfUserSystemd", IsOfUserSystemd);
            }
            writer.WriteString("created", CreatedAt);
            writer.WriteBoolean("hasPoststop", HasPoststop);
            writer.WriteBoolean("hasPoststart", HasPoststart);
            writer.WriteBoolean("ownsPidNamespace", OwnsPidNamespace);
            writer.WriteBoolean("hasKeyring", HasKeyring);
            if (AddedDevices is { Count: > 0 } devices)
            {
                writer.WritePropertyName("addedDevices");
                writer.WriteRawValue(RuntimeSpecJson.Write(new ResourcesSpec { Devices = devices }));
            }
            if (Annotations is { Count: > 0 })
            {
                writer.WriteStartObject("annotations");
                foreach (var (key, value) in Annotations)
                {
                    writer.WriteString(key, value);
                }
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }

    public static ContainerRecord Parse(ReadOnlySpan<byte> json, string path)
    {
        try
        {
            return ParseObject(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new FaultException(FaultKind.DataLoss, $"{path}: not a container's state", e);
        }
    }

    private static ContainerRecord ParseObject(ReadOnlySpan<byte> json)
    {
        var record = new ContainerRecord { Id = "", Bundle = "", Rootfs = "", CgroupPath = "", CreatedAt = "" };
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            record = name switch
            {
                "id" => record with { Id = reader.GetString()! },
                "pid" => record with { Pid = reader.GetInt32() },
                "startTime" => record with { StartTime = reader.GetUInt64() },
                "bundle" => record with { Bundle = reader.GetString()! },
                "rootfs" => record with { Rootfs = reader.GetString()! },
                "cgroupPath" => record with { CgroupPath = reader.GetString()! },
                "systemdUnit" => record with { SystemdUnit = reader.GetString() },
                "systemdSlice" => record with { SystemdSlice = reader.GetString() },
                "isOfUserSystemd" => record with { IsOfUserSystemd = reader.GetBoolean() },
                "created" => record with { CreatedAt = reader.GetString()! },
                "hasPoststop" => record with { HasPoststop = reader.GetBoolean() },
                "hasPoststart" => record with { HasPoststart = reader.GetBoolean() },
                "ownsPidNamespace" => record with { OwnsPidNamespace = reader.GetBoolean() },
                "hasKeyring" => record with { HasKeyring = reader.GetBoolean() },
                "addedDevices" => record with { AddedDevices = ParseDevices(json, ref reader) },
                "annotations" => record with { Annotations = ParseAnnotations(ref reader) },
                _ => record,
            };
        }
        return record;
    }

    private static List<DeviceRuleSpec>? ParseDevices(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return RuntimeSpecJson.ReadResources(json[start..(int)reader.BytesConsumed], "addedDevices").Devices;
    }

    private static Dictionary<string, string> ParseAnnotations(ref Utf8JsonReader reader)
    {
        var annotations = new Dictionary<string, string>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            annotations[key] = reader.GetString() ?? "";
        }
        return annotations;
    }
}
