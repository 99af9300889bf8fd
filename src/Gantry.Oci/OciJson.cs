using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Gantry.Faults;

namespace Gantry.Oci;

/// <summary>The JSON codec of the types of this room, without reflection.</summary>
public static class OciJson
{
    private static readonly OciJsonContext s_context = new(new JsonSerializerOptions
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // Go writes "+" as itself; media types and commands stay readable. The output is never put into HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        // Go's decoder matches field names without regard to case, and images in the wild depend on it.
        PropertyNameCaseInsensitive = true,
    });

    /// <summary>The metadata of a type of this room.</summary>
    public static JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>)s_context.Options.GetTypeInfo(typeof(T));

    /// <summary>Encodes as UTF-8.</summary>
    public static byte[] Serialize<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, TypeInfo<T>());

    /// <summary>Decodes; throws <c>InvalidArgument</c> that names <paramref name="what"/> when the JSON does not fit.</summary>
    public static T Deserialize<T>(ReadOnlySpan<byte> json, string what)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, TypeInfo<T>())
                ?? throw new FaultException(FaultKind.InvalidArgument, $"{what} is null");
        }
        catch (JsonException error)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{what} is not valid JSON: {error.Message}", error);
        }
    }
}

[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(ImageIndex))]
[JsonSerializable(typeof(ImageConfig))]
[JsonSerializable(typeof(ContainerConfig))]
[JsonSerializable(typeof(Descriptor))]
internal sealed partial class OciJsonContext : JsonSerializerContext;
