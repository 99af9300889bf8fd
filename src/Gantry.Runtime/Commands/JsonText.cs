using System.Text.Json;

namespace Gantry.Runtime.Commands;

/// <summary>JSON as commands print it.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions IndentedOptions = new() { Indented = true };

    public static byte[] Indented(Action<Utf8JsonWriter> write) => Make(write, IndentedOptions);

    /// <summary>On one line.</summary>
    public static byte[] Line(Action<Utf8JsonWriter> write) => Make(write, default);

    private static byte[] Make(Action<Utf8JsonWriter> write, JsonWriterOptions options)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, options))
        {
            write(writer);
        }
        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    public static void WriteStrings(this Utf8JsonWriter writer, string name, IEnumerable<string> values)
    {
        writer.WriteStartArray(name);
        foreach (var value in values)
        {
            writer.WriteStringValue(value);
        }
        writer.WriteEndArray();
    }
}
