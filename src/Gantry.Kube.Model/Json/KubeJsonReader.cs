using System.Globalization;
using System.Text.Json;

namespace Gantry.Kube.Model.Json;

/// <summary>
/// Reads values for the generated classes. Every method reads the reader's present value and leaves the reader on the
/// value's last token; JSON null gives null. A value of another type is a <see cref="JsonException"/>.
/// </summary>
internal static class KubeJsonReader
{
    public static void ExpectObject(ref Utf8JsonReader reader) => Expect(ref reader, JsonTokenType.StartObject, "object");

    public static bool NextField(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.PropertyName;
    }

    /// <summary>The length of the present field's name in UTF-8, without escapes.</summary>
    public static int NameLength(ref Utf8JsonReader reader)
        => reader.ValueIsEscaped || reader.HasValueSequence ? System.Text.Encoding.UTF8.GetByteCount(reader.GetString()!) : reader.ValueSpan.Length;

    public static void SkipField(ref Utf8JsonReader reader)
    {
        reader.Read();
        reader.Skip();
    }

    public static T? Object<T>(ref Utf8JsonReader reader)
        where T : class, IKubeType<T>, new()
        => reader.TokenType == JsonTokenType.Null ? null : T.ReadJson(ref reader);

    public static string? String(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        Expect(ref reader, JsonTokenType.String, "string");
        return reader.GetString();
    }

    public static int? Int32(ref Utf8JsonReader reader)
        => reader.TokenType == JsonTokenType.Null ? null
            : reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var value) ? value
            : throw Wrong(ref reader, "int32");

    public static long? Int64(ref Utf8JsonReader reader)
        => reader.TokenType == JsonTokenType.Null ? null
            : reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value) ? value
            : throw Wrong(ref reader, "int64");

    public static double? Double(ref Utf8JsonReader reader)
        => reader.TokenType == JsonTokenType.Null ? null
            : reader.TokenType == JsonTokenType.Number ? reader.GetDouble()
            : throw Wrong(ref reader, "number");

    public static bool? Bool(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Null => null,
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Wrong(ref reader, "boolean"),
    };

    public static byte[]? Bytes(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        Expect(ref reader, JsonTokenType.String, "base64 string");
        return reader.TryGetBytesFromBase64(out var bytes) ? bytes : throw Wrong(ref reader, "base64 string");
    }

    public static DateTimeOffset? Time(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        Expect(ref reader, JsonTokenType.String, "RFC 3339 time");
        return KubeTime.TryParse(reader.GetString()!, out var time) ? time : throw Wrong(ref reader, "RFC 3339 time");
    }

    public static Quantity? Quantity(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Null => null,
        JsonTokenType.String => Model.Quantity.TryParse(reader.GetString()!, out var q) ? q : throw Wrong(ref reader, "quantity"),
        JsonTokenType.Number => Model.Quantity.TryParse(NumberText(ref reader), out var q) ? q : throw Wrong(ref reader, "quantity"),
        _ => throw Wrong(ref reader, "quantity"),
    };

    public static IntOrString? IntOrString(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Null => default(IntOrString?),
        JsonTokenType.String => new IntOrString(reader.GetString()!),
        JsonTokenType.Number when reader.TryGetInt32(out var value) => new IntOrString(value),
        _ => throw Wrong(ref reader, "integer or string"),
    };

    public static JsonElement? Any(ref Utf8JsonReader reader)
        => reader.TokenType == JsonTokenType.Null ? null : JsonElement.ParseValue(ref reader);

    public static List<T>? Objects<T>(ref Utf8JsonReader reader)
        where T : class, IKubeType<T>, new()
    {
        if (!BeginList(ref reader))
        {
            return null;
        }

        var list = new List<T>();
        while (NextItem(ref reader))
        {
            list.Add(Object<T>(ref reader) ?? new T());
        }

        return list;
    }

    public static List<string>? StringList(ref Utf8JsonReader reader)
    {
        if (!BeginList(ref reader))
        {
            return null;
        }

        var list = new List<string>();
        while (NextItem(ref reader))
        {
            list.Add(String(ref reader) ?? "");
        }

        return list;
    }

    public static List<long>? Int64List(ref Utf8JsonReader reader)
    {
        if (!BeginList(ref reader))
        {
            return null;
        }

        var list = new List<long>();
        while (NextItem(ref reader))
        {
            list.Add(Int64(ref reader) ?? 0);
        }

        return list;
    }

    public static List<int>? Int32List(ref Utf8JsonReader reader) => Int64List(ref reader)?.ConvertAll(static n => checked((int)n));

    public static Dictionary<string, T>? ObjectMap<T>(ref Utf8JsonReader reader)
        where T : class, IKubeType<T>, new()
        => Map(ref reader, static (ref Utf8JsonReader r) => Object<T>(ref r) ?? new T());

    public static Dictionary<string, string>? StringMap(ref Utf8JsonReader reader)
        => Map(ref reader, static (ref Utf8JsonReader r) => String(ref r) ?? "");

    public static Dictionary<string, byte[]>? BytesMap(ref Utf8JsonReader reader)
        => Map(ref reader, static (ref Utf8JsonReader r) => Bytes(ref r) ?? []);

    public static Dictionary<string, Quantity>? QuantityMap(ref Utf8JsonReader reader)
        => Map(ref reader, static (ref Utf8JsonReader r) => Quantity(ref r) ?? default);

    public static Dictionary<string, List<string>>? StringListMap(ref Utf8JsonReader reader)
        => Map(ref reader, static (ref Utf8JsonReader r) => StringList(ref r) ?? []);

    private delegate T ValueReader<T>(ref Utf8JsonReader reader);

    private static Dictionary<string, T>? Map<T>(ref Utf8JsonReader reader, ValueReader<T> value)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        ExpectObject(ref reader);
        var map = new Dictionary<string, T>();
        while (NextField(ref reader))
        {
            var key = reader.GetString()!;
            reader.Read();
            map[key] = value(ref reader);
        }

        return map;
    }

    private static bool BeginList(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return false;
        }

        Expect(ref reader, JsonTokenType.StartArray, "array");
        return true;
    }

    private static bool NextItem(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType != JsonTokenType.EndArray;
    }

    private static string NumberText(ref Utf8JsonReader reader)
        => reader.HasValueSequence
            ? reader.GetDecimal().ToString(CultureInfo.InvariantCulture)
            : System.Text.Encoding.ASCII.GetString(reader.ValueSpan);

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token, string wanted)
    {
        if (reader.TokenType == JsonTokenType.None)
        {
            reader.Read();
        }

        if (reader.TokenType != token)
        {
            throw Wrong(ref reader, wanted);
        }
    }

    private static JsonException Wrong(ref Utf8JsonReader reader, string wanted)
        => new($"cannot read {reader.TokenType} as {wanted} at byte {reader.TokenStartIndex}");
}
