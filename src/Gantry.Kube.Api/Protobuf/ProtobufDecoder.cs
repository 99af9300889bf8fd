using System.Text;
using System.Text.Json;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Model;
using Gantry.Schema;

namespace Gantry.Kube.Api.Protobuf;

/// <summary>
/// Decodes application/vnd.kubernetes.protobuf into trees, by the schema's numbers. Malformed input is
/// <see cref="InvalidDataException"/>.
/// </summary>
internal static class ProtobufDecoder
{
    /// <summary>Deeper nesting than any kind has.</summary>
    private const int MaxDepth = 64;

    /// <summary>
    /// Go writes scalars that are no pointers even when they are zero, and readers cannot tell that from "not given". So a
    /// zero counts as not given, but for the fields that are pointers upstream, where it means zero.
    /// </summary>
    private static readonly HashSet<string> ZeroMatters = new(StringComparer.Ordinal)
    {
        "replicas", "gracePeriodSeconds", "terminationGracePeriodSeconds", "revisionHistoryLimit", "progressDeadlineSeconds", "runAsUser", "runAsGroup",
        "fsGroup", "expirationSeconds", "defaultMode", "mode", "activeDeadlineSeconds", "tolerationSeconds", "priority", "observedGeneration",
        "restartCount", "exitCode", "leaseTransitions", "deletionGracePeriodSeconds", "limit", "backoffLimit", "parallelism", "completions",
    };

    private static readonly HashSet<string> FalseIsAbsent = new(StringComparer.Ordinal)
    {
        "hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly", "paused", "unschedulable", "publishNotReadyAddresses",
    };

    private static ReadOnlySpan<byte> Magic => "k8s\0"u8;

    /// <summary>Unwraps the envelope: the message's bytes, and the apiVersion and kind that it names.</summary>
    public static (string ApiVersion, string Kind, byte[] Message) Unwrap(ReadOnlySpan<byte> body)
    {
        if (!body.StartsWith(Magic))
        {
            throw new InvalidDataException("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
        }

        var reader = new WireReader(body[Magic.Length..]);
        var (apiVersion, kind, message) = ("", "", Array.Empty<byte>());
        while (reader.Next(out var number, out var wireType))
        {
            switch (number, wireType)
            {
                case (1, 2):
                    var type = new WireReader(reader.Bytes());
                    while (type.Next(out var part, out var partType))
                    {
                        if (partType != 2)
                        {
                            type.Skip(partType);
                        }
                        else if (part == 1)
                        {
                            apiVersion = Encoding.UTF8.GetString(type.Bytes());
                        }
                        else
                        {
                            kind = Encoding.UTF8.GetString(type.Bytes());
                        }
                    }

                    break;
                case (2, 2): message = reader.Bytes().ToArray(); break;
                default: reader.Skip(wireType); break;
            }
        }

        return (apiVersion, kind, message);
    }

    /// <summary>Decodes a whole body as an object of a kind, with the apiVersion and kind of its envelope.</summary>
    public static JsonMap Decode(ReadOnlySpan<byte> body, SchemaType type)
    {
        var (apiVersion, kind, message) = Unwrap(body);
        var tree = new JsonMap { ["apiVersion"] = apiVersion, ["kind"] = kind };
        Message(message, MessageShape.Of(type), tree, 0);
        return tree;
    }

    private static void Message(ReadOnlySpan<byte> data, MessageShape shape, JsonMap tree, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new InvalidDataException("proto: message is nested too deeply");
        }

        var reader = new WireReader(data);
        while (reader.Next(out var number, out var wireType))
        {
            if (wireType == 2 && shape.Embedded.TryGetValue(number, out var embedded))
            {
                Message(reader.Bytes(), embedded, tree, depth + 1);
            }
            else if (shape.Fields.TryGetValue(number, out var field))
            {
                Field(ref reader, wireType, field, tree, depth);
            }
            else
            {
                reader.Skip(wireType);
            }
        }
    }

    private static void Field(ref WireReader reader, int wireType, SchemaField field, JsonMap tree, int depth)
    {
        switch (field.Type.Kind)
        {
            case FieldKind.List:
                if (!tree.TryGetList(field.Name, out var list))
                {
                    tree[field.Name] = list = [];
                }

                list.Add(Value(ref reader, wireType, field.Type.Element!, depth));
                return;
            case FieldKind.Map:
                Entry(reader.Bytes(), field.Type.Element!, tree.MapOrNew(field.Name), depth);
                return;
            default:
                var value = Value(ref reader, wireType, field.Type, depth);
                if (!IsAbsent(value, field))
                {
                    tree[field.Name] = value;
                }

                return;
        }
    }

    private static bool IsAbsent(object? value, SchemaField field) => value switch
    {
        null => true,
        "" => field.Type.Kind != FieldKind.Bytes,
        0L => field.Type.Kind is FieldKind.Int32 or FieldKind.Int64 && !ZeroMatters.Contains(field.Name),
        false => FalseIsAbsent.Contains(field.Name),
        _ => false,
    };

    private static void Entry(ReadOnlySpan<byte> data, FieldType element, JsonMap map, int depth)
    {
        var reader = new WireReader(data);
        var key = "";
        object? value = element.Kind == FieldKind.List ? new List<object?>() : "";
        while (reader.Next(out var number, out var wireType))
        {
            switch (number)
            {
                case 1 when wireType == 2: key = Encoding.UTF8.GetString(reader.Bytes()); break;
                case 2 when element.Kind == FieldKind.List:
                    // A map to lists has messages with the items as field 1 (ExtraValue).
                    var items = new WireReader(reader.Bytes());
                    while (items.Next(out _, out var itemType))
                    {
                        ((List<object?>)value!).Add(Value(ref items, itemType, element.Element!, depth + 1));
                    }

                    break;
                case 2: value = Value(ref reader, wireType, element, depth); break;
                default: reader.Skip(wireType); break;
            }
        }

        map[key] = value;
    }

    private static object? Value(ref WireReader reader, int wireType, FieldType type, int depth)
    {
        var expected = type.Kind switch { FieldKind.Int32 or FieldKind.Int64 or FieldKind.Bool => 0, FieldKind.Double => 1, _ => 2 };
        if (wireType != expected)
        {
            throw new InvalidDataException($"proto: wrong wireType = {wireType} for field of type {type.Kind}");
        }

        switch (type.Kind)
        {
            case FieldKind.String: return Encoding.UTF8.GetString(reader.Bytes());
            case FieldKind.Int32: return (long)(int)reader.Varint();
            case FieldKind.Int64: return (long)reader.Varint();
            case FieldKind.Bool: return reader.Varint() != 0;
            case FieldKind.Double: return reader.Double();
            case FieldKind.Bytes: return Convert.ToBase64String(reader.Bytes());
            case FieldKind.Time: return Time(reader.Bytes(), micro: false);
            case FieldKind.MicroTime: return Time(reader.Bytes(), micro: true);
            case FieldKind.Quantity: return Text(reader.Bytes());
            case FieldKind.IntOrString: return IntOrString(reader.Bytes());
            case FieldKind.Any or FieldKind.Fields: return Json(reader.Bytes());
            default:
                var map = new JsonMap();
                Message(reader.Bytes(), MessageShape.Of(type.Target!), map, depth + 1);
                return map;
        }
    }

    private static string? Time(ReadOnlySpan<byte> data, bool micro)
    {
        var (seconds, nanos) = (0L, 0L);
        var reader = new WireReader(data);
        while (reader.Next(out var number, out var wireType))
        {
            switch (number, wireType)
            {
                case (1, 0): seconds = (long)reader.Varint(); break;
                case (2, 0): nanos = (int)reader.Varint(); break;
                default: reader.Skip(wireType); break;
            }
        }

        if (seconds is 0 or < -62135596800 or > 253402300799)
        {
            // Zero is Go's unset time; what is out of range has no RFC 3339 form.
            return null;
        }

        var time = DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanos / 100);
        return micro ? KubeTime.FormatMicro(time) : KubeTime.Format(time);
    }

    private static string? Text(ReadOnlySpan<byte> data)
    {
        var reader = new WireReader(data);
        string? text = null;
        while (reader.Next(out var number, out var wireType))
        {
            if (number == 1 && wireType == 2)
            {
                text = Encoding.UTF8.GetString(reader.Bytes());
            }
            else
            {
                reader.Skip(wireType);
            }
        }

        return text;
    }

    private static object IntOrString(ReadOnlySpan<byte> data)
    {
        var (kind, number, text) = (0L, 0L, "");
        var reader = new WireReader(data);
        while (reader.Next(out var field, out var wireType))
        {
            switch (field, wireType)
            {
                case (1, 0): kind = (long)reader.Varint(); break;
                case (2, 0): number = (int)reader.Varint(); break;
                case (3, 2): text = Encoding.UTF8.GetString(reader.Bytes()); break;
                default: reader.Skip(wireType); break;
            }
        }

        return kind == 1 ? text : number;
    }

    private static object? Json(ReadOnlySpan<byte> data)
    {
        var reader = new WireReader(data);
        object? value = null;
        while (reader.Next(out var number, out var wireType))
        {
            if (number == 1 && wireType == 2)
            {
                var bytes = reader.Bytes();
                try
                {
                    value = bytes.IsEmpty ? null : JsonTree.Parse(bytes);
                }
                catch (JsonException e)
                {
                    throw new InvalidDataException("an embedded object is not JSON", e);
                }
            }
            else
            {
                reader.Skip(wireType);
            }
        }

        return value;
    }
}
