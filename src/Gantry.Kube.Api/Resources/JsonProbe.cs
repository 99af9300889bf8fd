using System.Text;
using System.Text.Json;

namespace Gantry.Kube.Api.Resources;

/// <summary>Reads single values out of stored JSON without building a tree.</summary>
internal static class JsonProbe
{
    public static Dictionary<string, string> ReadLabels(ReadOnlySpan<byte> json) => ReadTextMap(json, "labels"u8);

    /// <summary>metadata.labels or metadata.annotations.</summary>
    public static Dictionary<string, string> ReadTextMap(ReadOnlySpan<byte> json, ReadOnlySpan<byte> field)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(json);
        if (!Enter(ref reader, "metadata"u8) || !Enter(ref reader, field))
        {
            return map;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
            {
                map[key] = reader.GetString()!;
            }
            else
            {
                reader.Skip();
            }
        }

        return map;
    }

    /// <summary>The scalar at a dotted path, as text; null where the path ends early.</summary>
    public static string? ReadPath(ReadOnlySpan<byte> json, string path)
    {
        var reader = new Utf8JsonReader(json);
        var steps = path.Split('.');
        foreach (var step in steps)
        {
            if (!Enter(ref reader, Encoding.UTF8.GetBytes(step)))
            {
                return null;
            }
        }

        return reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.Number => Encoding.ASCII.GetString(reader.ValueSpan),
            JsonTokenType.True => "true",
            JsonTokenType.False => "false",
            _ => null,
        };
    }

    /// <summary>Moves from the start of an object to the value of one of its fields.</summary>
    private static bool Enter(ref Utf8JsonReader reader, ReadOnlySpan<byte> field)
    {
        if (reader.TokenType == JsonTokenType.None)
        {
            reader.Read();
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals(field))
            {
                reader.Read();
                return true;
            }

            reader.Read();
            reader.Skip();
        }

        return false;
    }
}
