using Gantry.Kube.Api.Json;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Schemas;
using Gantry.Schema;

namespace Gantry.Kube.Api.Protobuf;

/// <summary>Encodes normalized trees as application/vnd.kubernetes.protobuf, by the schema's numbers.</summary>
internal static class ProtobufEncoder
{
    private static ReadOnlySpan<byte> Magic => "k8s\0"u8;

    /// <summary>An object with its envelope.</summary>
    public static byte[] Encode(JsonMap obj, SchemaType type)
        => Wrap(obj.Text("apiVersion") ?? type.Table.ApiVersion, obj.Text("kind") ?? type.Name, Message(obj, MessageShape.Of(type)));

    /// <summary>A list with its envelope: every list has its metadata as field 1 and its items as field 2.</summary>
    public static byte[] EncodeList(JsonMap metadata, IEnumerable<JsonMap> items, SchemaType type)
    {
        var list = new WireWriter();
        list.Bytes(1, Message(metadata, MessageShape.Of(SchemaCatalog.BuiltIn.Get("meta/v1.ListMeta"))));
        foreach (var item in items)
        {
            list.Bytes(2, Message(item, MessageShape.Of(type)));
        }

        return Wrap(type.Table.ApiVersion, type.Name + "List", list.Written);
    }

    private static byte[] Wrap(string apiVersion, string kind, ReadOnlySpan<byte> message)
    {
        var type = new WireWriter();
        type.Text(1, apiVersion);
        type.Text(2, kind);
        var unknown = new WireWriter();
        unknown.Bytes(1, type.Written);
        unknown.Bytes(2, message);
        unknown.Text(3, "");
        unknown.Text(4, "");
        return [.. Magic, .. unknown.Written];
    }

    private static ReadOnlySpan<byte> Message(JsonMap obj, MessageShape shape)
    {
        var output = new WireWriter();
        Write(output, obj, shape);
        return output.Written;
    }

    private static void Write(WireWriter output, JsonMap obj, MessageShape shape)
    {
        foreach (var number in shape.Fields.Keys.Concat(shape.Embedded.Keys).Order())
        {
            if (shape.Embedded.TryGetValue(number, out var embedded))
            {
                // Go writes an embedded message that is no pointer also when it is empty.
                output.Bytes(number, Message(obj, embedded));
            }
            else if (shape.Fields[number] is var field && obj.TryGetValue(field.Name, out var value) && value is not null)
            {
                Field(output, number, value, field.Type);
            }
        }
    }

    private static void Field(WireWriter output, int number, object value, FieldType type)
    {
        switch (type.Kind)
        {
            case FieldKind.List when value is List<object?> list:
                foreach (var item in list)
                {
                    Value(output, number, item ?? "", type.Element!);
                }

                break;
            case FieldKind.Map when value is JsonMap map:
                foreach (var (key, item) in map)
                {
                    var entry = new WireWriter();
                    entry.Text(1, key);
                    MapValue(entry, item ?? "", type.Element!);
                    output.Bytes(number, entry.Written);
                }

                break;
            default: Value(output, number, value, type); break;
        }
    }

    private static void MapValue(WireWriter entry, object value, FieldType element)
    {
        if (element.Kind != FieldKind.List)
        {
            Value(entry, 2, value, element);
            return;
        }

        // A map to lists has messages with the items as field 1 (ExtraValue).
        var items = new WireWriter();
        foreach (var item in (List<object?>)value)
        {
            Value(items, 1, item ?? "", element.Element!);
        }

        entry.Bytes(2, items.Written);
    }

    private static void Value(WireWriter output, int number, object value, FieldType type)
    {
        switch (type.Kind)
        {
            case FieldKind.String: output.Text(number, (string)value); break;
            case FieldKind.Int32 or FieldKind.Int64: output.Number(number, Convert.ToInt64(value, null)); break;
            case FieldKind.Bool: output.Number(number, value is true ? 1 : 0); break;
            case FieldKind.Double: output.Double(number, Convert.ToDouble(value, null)); break;
            case FieldKind.Bytes: output.Bytes(number, Convert.FromBase64String((string)value)); break;
            case FieldKind.Time or FieldKind.MicroTime: output.Bytes(number, Time((string)value)); break;
            case FieldKind.Quantity: output.Bytes(number, Text((string)value)); break;
            case FieldKind.IntOrString: output.Bytes(number, IntOrString(value)); break;
            case FieldKind.Any or FieldKind.Fields:
                var raw = new WireWriter();
                raw.Bytes(1, JsonTree.ToUtf8(value));
                output.Bytes(number, raw.Written);
                break;
            default: output.Bytes(number, Message((JsonMap)value, MessageShape.Of(type.Target!))); break;
        }
    }

    private static ReadOnlySpan<byte> Text(string text)
    {
        var output = new WireWriter();
        output.Text(1, text);
        return output.Written;
    }

    private static ReadOnlySpan<byte> Time(string text)
    {
        var output = new WireWriter();
        if (KubeTime.TryParse(text, out var time))
        {
            output.Number(1, time.ToUnixTimeSeconds());
            output.Number(2, time.Ticks % TimeSpan.TicksPerSecond * 100);
        }

        return output.Written;
    }

    private static ReadOnlySpan<byte> IntOrString(object value)
    {
        var output = new WireWriter();
        output.Number(1, value is string ? 1 : 0);
        output.Number(2, value is long number ? number : 0);
        output.Text(3, value as string ?? "");
        return output.Written;
    }
}
