using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Client;
using Gantry.Kube.Model;
using Gantry.Schema;

namespace Gantry.Kube.Api.Resources;

/// <summary>
/// Brings a tree into the schema's form: drops nulls, unknown fields (reported) and empty optional collections, checks
/// types, and rewrites quantities and times canonically. A value of a wrong type is BadRequest, as upstream's decoder says it.
/// </summary>
internal sealed class ObjectNormalizer
{
    private readonly SchemaType _root;
    private readonly List<string>? _unknown;
    private readonly JsonPath _path = new();

    private ObjectNormalizer(SchemaType root, List<string>? unknown)
    {
        _root = root;
        _unknown = unknown;
    }

    /// <summary>Normalizes in place. Unknown fields are added to <paramref name="unknown"/> as upstream words them.</summary>
    public static void Normalize(JsonMap obj, SchemaType type, List<string>? unknown = null)
        => new ObjectNormalizer(type, unknown).Object(obj, type);

    private void Object(JsonMap obj, SchemaType type)
    {
        List<string>? drop = null;
        List<(string, object)>? replace = null;
        foreach (var (key, value) in obj)
        {
            if (type.IsKind && key is "apiVersion" or "kind" && value is string)
            {
                continue;
            }

            _path.Push(key);
            if (type.Find(key) is not { } field)
            {
                _unknown?.Add($"unknown field {JsonTree.Quote(_path.ToString())}");
                (drop ??= []).Add(key);
            }
            else if (value is null || IsEmptyOptional(value, field))
            {
                (drop ??= []).Add(key);
            }
            else
            {
                var normal = Value(value, field.Type, type);
                if (!ReferenceEquals(normal, value))
                {
                    (replace ??= []).Add((key, normal));
                }
            }

            _path.Pop();
        }

        drop?.ForEach(key => obj.Remove(key));
        replace?.ForEach(pair => obj[pair.Item1] = pair.Item2);
    }

    private static bool IsEmptyOptional(object value, SchemaField field)
        => !field.Required && ((value is List<object?> { Count: 0 } && field.Type.Kind == FieldKind.List)
            || (value is JsonMap { Count: 0 } && field.Type.Kind == FieldKind.Map));

    private object Value(object value, FieldType type, SchemaType owner) => type.Kind switch
    {
        FieldKind.String => value is string ? value : throw Wrong(value, "string", owner),
        FieldKind.Int32 => value is >= (long)int.MinValue and <= (long)int.MaxValue ? value : throw Wrong(value, "int32", owner),
        FieldKind.Int64 => value is long ? value : throw Wrong(value, "int64", owner),
        FieldKind.Double => value is long or double ? value : throw Wrong(value, "float64", owner),
        FieldKind.Bool => value is bool ? value : throw Wrong(value, "bool", owner),
        FieldKind.Bytes => value is string text ? Bytes(text) : throw Wrong(value, "[]uint8", owner),
        FieldKind.Time => Time(value, micro: false, owner),
        FieldKind.MicroTime => Time(value, micro: true, owner),
        FieldKind.Quantity => ToQuantity(value),
        FieldKind.IntOrString => value is string or long ? value : throw Wrong(value, "intstr.IntOrString", owner),
        FieldKind.Object => Nested(value, type.Target!, owner),
        FieldKind.List => Items(value, type, owner),
        FieldKind.Map => Entries(value, type, owner),
        _ => value,
    };

    private JsonMap Nested(object value, SchemaType type, SchemaType owner)
    {
        if (value is not JsonMap map)
        {
            throw Wrong(value, type.Table.Version + "." + type.Name, owner);
        }

        Object(map, type);
        return map;
    }

    private List<object?> Items(object value, FieldType type, SchemaType owner)
    {
        if (value is not List<object?> list)
        {
            throw Wrong(value, GoName(type), owner);
        }

        for (var i = 0; i < list.Count; i++)
        {
            _path.Push(i);
            list[i] = Value(list[i] ?? ZeroValue(type.Element!), type.Element!, owner);
            _path.Pop();
        }

        return list;
    }

    private JsonMap Entries(object value, FieldType type, SchemaType owner)
    {
        if (value is not JsonMap map)
        {
            throw Wrong(value, GoName(type), owner);
        }

        foreach (var key in map.Keys.ToList())
        {
            _path.Push(key);
            map[key] = Value(map[key] ?? ZeroValue(type.Element!), type.Element!, owner);
            _path.Pop();
        }

        return map;
    }

    private static object ZeroValue(FieldType type) => type.Kind switch
    {
        FieldKind.Object or FieldKind.Map => new JsonMap(),
        FieldKind.List => new List<object?>(),
        FieldKind.Int32 or FieldKind.Int64 or FieldKind.Double or FieldKind.IntOrString => 0L,
        FieldKind.Bool => false,
        FieldKind.Quantity => "0",
        _ => "",
    };

    private string Bytes(string text)
    {
        var buffer = new byte[text.Length];
        if (Convert.TryFromBase64String(text, buffer, out _))
        {
            return text;
        }

        var at = text.TakeWhile(static c => char.IsAsciiLetterOrDigit(c) || c is '+' or '/').Count();
        throw Undecodable($"illegal base64 data at input byte {at}");
    }

    private string Time(object value, bool micro, SchemaType owner)
    {
        if (value is not string text)
        {
            throw Wrong(value, micro ? "v1.MicroTime" : "v1.Time", owner);
        }

        if (!KubeTime.TryParse(text, out var time))
        {
            throw Undecodable($"parsing time {JsonTree.Quote(text)} as \"{(micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00")}\": cannot parse {JsonTree.Quote(text)} as \"2006\"");
        }

        return micro ? KubeTime.FormatMicro(time) : KubeTime.Format(time);
    }

    private string ToQuantity(object value)
    {
        var text = value switch { string s => s, long or double => JsonTree.ToText(value), _ => "" };
        return Quantity.TryParse(text, out var quantity)
            ? quantity.ToString()
            : throw Undecodable("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    }

    private KubeStatusException Wrong(object value, string goType, SchemaType owner)
    {
        var json = value switch
        {
            string => "string",
            bool => "bool",
            JsonMap => "object",
            List<object?> => "array",
            _ => goType is "int32" or "int64" ? "number " + JsonTree.ToText(value) : "number",
        };
        return Undecodable($"json: cannot unmarshal {json} into Go struct field {owner.Name}.{_path} of type {goType}");
    }

    private KubeStatusException Undecodable(string reason)
        => StatusErrors.BadRequest($"{_root.Name} in version \"{_root.Table.Version}\" cannot be handled as a {_root.Name}: {reason}");

    private static string GoName(FieldType type) => type.Kind switch
    {
        FieldKind.List => "[]" + GoName(type.Element!),
        FieldKind.Map => "map[string]" + GoName(type.Element!),
        FieldKind.Object => type.Target!.Table.Version + "." + type.Target.Name,
        FieldKind.Quantity => "resource.Quantity",
        FieldKind.Bytes => "[]uint8",
        _ => type.Kind.ToString().ToLowerInvariant(),
    };
}
