using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gantry.Kube.Api.Json;

/// <summary>Reads, writes, copies and compares JSON trees (see <see cref="JsonMap"/>).</summary>
internal static class JsonTree
{
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
    private static readonly JsonWriterOptions Indented = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true, Indented = true };

    /// <summary>Reads one JSON value. Duplicate fields are reported by path; the last one wins. Throws JsonException.</summary>
    public static object? Parse(ReadOnlySpan<byte> utf8, List<string>? duplicates = null)
    {
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = 128 });
        var path = duplicates is null ? null : new JsonPath();
        reader.Read();
        try
        {
            return ReadValue(ref reader, path, duplicates) is var value && reader.Read() ? throw new JsonException("data after top-level value") : value;
        }
        catch (InvalidOperationException e)
        {
            // The reader checks the encoding of text only when it is asked for it.
            throw new JsonException("text is not valid UTF-8", e);
        }
    }

    public static JsonMap ParseMap(ReadOnlySpan<byte> utf8)
        => Parse(utf8) as JsonMap ?? throw new JsonException("expected an object");

    public static byte[] ToUtf8(object? value, bool indented = false)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        Write(buffer, value, indented);
        return buffer.WrittenSpan.ToArray();
    }

    public static string ToText(object? value, bool indented = false) => Encoding.UTF8.GetString(ToUtf8(value, indented));

    public static void Write(IBufferWriter<byte> output, object? value, bool indented = false)
    {
        using var writer = new Utf8JsonWriter(output, indented ? Indented : Compact);
        WriteValue(writer, value);
    }

    public static void WriteValue(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNullValue(); break;
            case string text: writer.WriteStringValue(text); break;
            case long number: writer.WriteNumberValue(number); break;
            case int number: writer.WriteNumberValue(number); break;
            case bool flag: writer.WriteBooleanValue(flag); break;
            case double number: writer.WriteNumberValue(number); break;
            case JsonMap map:
                writer.WriteStartObject();
                foreach (var (key, item) in map)
                {
                    writer.WritePropertyName(key);
                    WriteValue(writer, item);
                }

                writer.WriteEndObject();
                break;
            case List<object?> list:
                writer.WriteStartArray();
                foreach (var item in list)
                {
                    WriteValue(writer, item);
                }

                writer.WriteEndArray();
                break;
            default: throw new InvalidOperationException($"a JSON tree cannot hold a {value.GetType()}");
        }
    }

    public static object? Clone(object? value)
    {
        switch (value)
        {
            case JsonMap map: return Clone(map);
            case List<object?> list:
                var items = new List<object?>(list.Count);
                foreach (var item in list)
                {
                    items.Add(Clone(item));
                }

                return items;
            default: return value;
        }
    }

    public static JsonMap Clone(JsonMap map)
    {
        var copy = new JsonMap(map.Count);
        foreach (var (key, item) in map)
        {
            copy[key] = Clone(item);
        }

        return copy;
    }

    /// <summary>Deep equality; the order of keys does not count, 1 and 1.0 are equal.</summary>
    public static bool Same(object? left, object? right)
    {
        switch (left, right)
        {
            case (JsonMap a, JsonMap b):
                if (a.Count != b.Count)
                {
                    return false;
                }

                foreach (var (key, value) in a)
                {
                    if (!b.TryGetValue(key, out var other) || !Same(value, other))
                    {
                        return false;
                    }
                }

                return true;
            case (List<object?> a, List<object?> b):
                if (a.Count != b.Count)
                {
                    return false;
                }

                for (var i = 0; i < a.Count; i++)
                {
                    if (!Same(a[i], b[i]))
                    {
                        return false;
                    }
                }

                return true;
            case (long a, double b): return a == b;
            case (double a, long b): return a == b;
            default: return Equals(left, right);
        }
    }

    private static object? ReadValue(ref Utf8JsonReader reader, JsonPath? path, List<string>? duplicates)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String: return reader.GetString();
            case JsonTokenType.True: return true;
            case JsonTokenType.False: return false;
            case JsonTokenType.Number: return reader.TryGetInt64(out var number) ? (object)number : reader.GetDouble();
            case JsonTokenType.StartObject: return ReadMap(ref reader, path, duplicates);
            case JsonTokenType.StartArray:
                var list = new List<object?>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    path?.Push(list.Count);
                    list.Add(ReadValue(ref reader, path, duplicates));
                    path?.Pop();
                }

                return list;
            default: return null;
        }
    }

    private static JsonMap ReadMap(ref Utf8JsonReader reader, JsonPath? path, List<string>? duplicates)
    {
        var map = new JsonMap();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = reader.GetString()!;
            reader.Read();
            path?.Push(key);
            var value = ReadValue(ref reader, path, duplicates);
            if (!map.TryAdd(key, value))
            {
                map[key] = value;
                duplicates?.Add($"duplicate field {Quote(path!.ToString())}");
            }

            path?.Pop();
        }

        return map;
    }

    /// <summary>Text as Go's %q prints it, near enough for messages.</summary>
    public static string Quote(string text)
    {
        var result = new StringBuilder("\"", text.Length + 2);
        foreach (var c in text)
        {
            switch (c)
            {
                case '"': result.Append("\\\""); break;
                case '\\': result.Append("\\\\"); break;
                case '\n': result.Append("\\n"); break;
                case '\t': result.Append("\\t"); break;
                case '\r': result.Append("\\r"); break;
                case < ' ': result.Append("\\x").Append(((int)c).ToString("x2", CultureInfo.InvariantCulture)); break;
                default: result.Append(c); break;
            }
        }

        return result.Append('"').ToString();
    }
}
