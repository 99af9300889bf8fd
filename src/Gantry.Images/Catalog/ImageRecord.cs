using System.Text.Json.Serialization;
using Gantry.Oci;

namespace Gantry.Images.Catalog;

/// <summary>An image as it is stored; the key holds its identity, the configuration's digest.</summary>
internal sealed record ImageRecord
{
    [JsonPropertyName("manifest")]
    public Descriptor Manifest { get; set; } = new();

    /// <summary>Index blobs that led here, kept so that the image can be pushed as it was pulled.</summary>
    [JsonPropertyName("indexes")]
    public IReadOnlyList<Digest>? Indexes { get; set; }

    [JsonPropertyName("parent")]
    public Digest? Parent { get; set; }

    /// <summary><c>repository@digest</c>, canonical.</summary>
    [JsonPropertyName("repoDigests")]
    public IReadOnlyList<string>? RepoDigests { get; set; }

    [JsonPropertyName("added")]
    public DateTimeOffset Added { get; set; }
}

/// <summary>A name of an image; the key holds the canonical <c>repository:tag</c>.</summary>
internal sealed record ReferenceRecord
{
    [JsonPropertyName("image")]
    public Digest Image { get; set; }

    [JsonPropertyName("tagged")]
    public DateTimeOffset Tagged { get; set; }
}
