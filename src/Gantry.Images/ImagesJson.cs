using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Gantry.Images.Archives;
using Gantry.Images.Catalog;
using Gantry.Images.Distribution;
using Gantry.Images.Repositories;
using Gantry.Images.Snapshots;

namespace Gantry.Images;

/// <summary>The codec of this room's stored records and of the small JSON messages of registries.</summary>
internal static class ImagesJson
{
    private static readonly ImagesJsonContext s_context = new(new JsonSerializerOptions
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    });

    public static JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>)s_context.Options.GetTypeInfo(typeof(T));

    public static byte[] Serialize<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, TypeInfo<T>());

    public static T Deserialize<T>(ReadOnlyMemory<byte> json) =>
        JsonSerializer.Deserialize(json.Span, TypeInfo<T>()) ?? throw new JsonException("null where a record was expected");
}

[JsonSerializable(typeof(LayerRecord))]
[JsonSerializable(typeof(ImageRecord))]
[JsonSerializable(typeof(ReferenceRecord))]
[JsonSerializable(typeof(RepositoryManifest))]
[JsonSerializable(typeof(RepositoryTag))]
[JsonSerializable(typeof(RepositoryBlob))]
[JsonSerializable(typeof(List<ArchiveManifest>))]
[JsonSerializable(typeof(RegistryErrors))]
[JsonSerializable(typeof(RegistryTokenAnswer))]
internal sealed partial class ImagesJsonContext : JsonSerializerContext;
