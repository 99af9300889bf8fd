using System.Text.Json;

namespace Gantry.Kube.Model.Json;

/// <summary>
/// Writes fields for the generated classes. Null and empty values are left out, as upstream's omitempty does; the methods
/// named Always write them, for required fields.
/// </summary>
internal static class KubeJsonWriter
{
    public static void String(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }

    public static void Int32(Utf8JsonWriter writer, ReadOnlySpan<byte> name, int? value) => Int64(writer, name, value);

    public static void Int64(Utf8JsonWriter writer, ReadOnlySpan<byte> name, long? value)
    {
        if (value is { } number)
        {
            writer.WriteNumber(name, number);
        }
    }

    public static void Double(Utf8JsonWriter writer, ReadOnlySpan<byte> name, double? value)
    {
        if (value is { } number)
        {
            writer.WriteNumber(name, number);
        }
    }

    public static void Bool(Utf8JsonWriter writer, ReadOnlySpan<byte> name, bool? value)
    {
        if (value is { } flag)
        {
            writer.WriteBoolean(name, flag);
        }
    }

    public static void Bytes(Utf8JsonWriter writer, ReadOnlySpan<byte> name, byte[]? value)
    {
        if (value is not null)
        {
            writer.WriteBase64String(name, value);
        }
    }

    public static void Time(Utf8JsonWriter writer, ReadOnlySpan<byte> name, DateTimeOffset? value)
    {
        if (value is { } time)
        {
            writer.WriteString(name, KubeTime.Format(time));
        }
    }

    public static void TimeAlways(Utf8JsonWriter writer, ReadOnlySpan<byte> name, DateTimeOffset? value)
    {
        if (value is null)
        {
            writer.WriteNull(name);
        }

        Time(writer, name, value);
    }

    public static void MicroTime(Utf8JsonWriter writer, ReadOnlySpan<byte> name, DateTimeOffset? value)
    {
        if (value is { } time)
        {
            writer.WriteString(name, KubeTime.FormatMicro(time));
        }
    }

    public static void MicroTimeAlways(Utf8JsonWriter writer, ReadOnlySpan<byte> name, DateTimeOffset? value)
    {
        if (value is null)
        {
            writer.WriteNull(name);
        }

        MicroTime(writer, name, value);
    }

    public static void Quantity(Utf8JsonWriter writer, ReadOnlySpan<byte> name, Quantity? value)
    {
        if (value is { } quantity)
        {
            writer.WriteString(name, quantity.ToString());
        }
    }

    public static void IntOrString(Utf8JsonWriter writer, ReadOnlySpan<byte> name, IntOrString? value)
    {
        if (value is not { } either)
        {
            return;
        }

        if (either.Text is { } text)
        {
            writer.WriteString(name, text);
        }
        else
        {
            writer.WriteNumber(name, either.Number);
        }
    }

    public static void Any(Utf8JsonWriter writer, ReadOnlySpan<byte> name, JsonElement? value)
    {
        if (value is { } element)
        {
            writer.WritePropertyName(name);
            element.WriteTo(writer);
        }
    }

    public static void Object<T>(Utf8JsonWriter writer, ReadOnlySpan<byte> name, T? value)
        where T : class, IKubeType<T>, new()
    {
        if (value is not null)
        {
            writer.WritePropertyName(name);
            value.WriteJson(writer);
        }
    }

    public static void ObjectAlways<T>(Utf8JsonWriter writer, ReadOnlySpan<byte> name, T value)
        where T : class, IKubeType<T>, new()
        => Object(writer, name, value);

    public static void List<T>(Utf8JsonWriter writer, ReadOnlySpan<byte> name, List<T>? list)
        where T : class, IKubeType<T>, new()
    {
        if (list is { Count: > 0 })
        {
            ListAlways(writer, name, list);
        }
    }

    public static void ListAlways<T>(Utf8JsonWriter writer, ReadOnlySpan<byte> name, List<T> list)
        where T : class, IKubeType<T>, new()
    {
        writer.WriteStartArray(name);
        foreach (var item in list)
        {
            item.WriteJson(writer);
        }

        writer.WriteEndArray();
    }

    public static void List(Utf8JsonWriter writer, ReadOnlySpan<byte> name, List<string>? list)
    {
        if (list is { Count: > 0 })
        {
            ListAlways(writer, name, list);
        }
    }

    public static void ListAlways(Utf8JsonWriter writer, ReadOnlySpan<byte> name, List<string> list)
    {
        writer.WriteStartArray(name);
        foreach (var item in list)
        {
            writer.WriteStringValue(item);
        }

        writer.WriteEndArray();
    }

    public static void List(Utf8JsonWriter writer, ReadOnlySpan<byte> name, List<long>? list)
    {
        if (list is not { Count: > 0 })
        {
            return;
        }

        writer.WriteStartArray(name);
        foreach (var item in list)
        {
            writer.WriteNumberValue(item);
        }

        writer.WriteEndArray();
    }

    public static void List(Utf8JsonWriter writer, ReadOnlySpan<byte> name, List<int>? list)
        => List(writer, name, list?.ConvertAll(static n => (long)n));

    public static void Map(Utf8JsonWriter writer, ReadOnlySpan<byte> name, Dictionary<string, string>? map)
        => Map(writer, name, map, static (w, value) => w.WriteStringValue(value));

    public static void Map(Utf8JsonWriter writer, ReadOnlySpan<byte> name, Dictionary<string, byte[]>? map)
        => Map(writer, name, map, static (w, value) => w.WriteBase64StringValue(value));

    public static void Map(Utf8JsonWriter writer, ReadOnlySpan<byte> name, Dictionary<string, Quantity>? map)
        => Map(writer, name, map, static (w, value) => w.WriteStringValue(value.ToString()));

    public static void Map(Utf8JsonWriter writer, ReadOnlySpan<byte> name, Dictionary<string, List<string>>? map)
        => Map(writer, name, map, static (w, value) =>
        {
            w.WriteStartArray();
            value.ForEach(w.WriteStringValue);
            w.WriteEndArray();
        });

    private static void Map<T>(Utf8JsonWriter writer, ReadOnlySpan<byte> name, Dictionary<string, T>? map, Action<Utf8JsonWriter, T> write)
    {
        if (map is not { Count: > 0 })
        {
            return;
        }

        writer.WriteStartObject(name);
        foreach (var (key, value) in map)
        {
            writer.WritePropertyName(key);
            write(writer, value);
        }

        writer.WriteEndObject();
    }
}
