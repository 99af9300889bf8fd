using System.Text.Json.Serialization;

namespace Gantry.Oci;

/// <summary>What a blob is, its digest and its size in bytes (OCI image specification, descriptor.md).</summary>
public sealed record Descriptor
{
    /// <summary>The blob's media type.</summary>
    [JsonPropertyName("mediaType")]
    public string MediaType { get; set; } = "";

    /// <summary>The blob's digest.</summary>
    [JsonPropertyName("digest")]
    public Digest Digest { get; set; }

    /// <summary>The blob's length in bytes.</summary>
    [JsonPropertyName("size")]
    public long Size { get; set; }

    /// <summary>Other places to fetch the blob from.</summary>
    [JsonPropertyName("urls")]
    public IReadOnlyList<string>? Urls { get; set; }

    /// <summary>Free annotations.</summary>
    [JsonPropertyName("annotations")]
    public Dictionary<string, string>? Annotations { get; set; }

    /// <summary>In an index: which machine the manifest is for.</summary>
    [JsonPropertyName("platform")]
    public Platform? Platform { get; set; }

    /// <summary>What kind of artifact a manifest describes.</summary>
    [JsonPropertyName("artifactType")]
    public string? ArtifactType { get; set; }

    /// <summary>The blob itself, base64, when it is small.</summary>
    [JsonPropertyName("data")]
    public string? Data { get; set; }
}
