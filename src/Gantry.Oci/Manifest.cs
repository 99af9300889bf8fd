using System.Text.Json.Serialization;

namespace Gantry.Oci;

/// <summary>An image manifest: OCI 1.1 or docker's schema 2, which differ in media types only.</summary>
public sealed record Manifest
{
    /// <summary>Always 2.</summary>
    [JsonPropertyName("schemaVersion")]
    public int SchemaVersion { get; set; } = 2;

    /// <summary>The manifest's own media type.</summary>
    [JsonPropertyName("mediaType")]
    public string? MediaType { get; set; }

    /// <summary>What kind of artifact this is, when it is no image.</summary>
    [JsonPropertyName("artifactType")]
    public string? ArtifactType { get; set; }

    /// <summary>The configuration blob.</summary>
    [JsonPropertyName("config")]
    public Descriptor Config { get; set; } = new();

    /// <summary>The layer blobs, the base first.</summary>
    [JsonPropertyName("layers")]
    public IReadOnlyList<Descriptor> Layers { get; set; } = [];

    /// <summary>The manifest that this one refers to (for signatures and the like).</summary>
    [JsonPropertyName("subject")]
    public Descriptor? Subject { get; set; }

    /// <summary>Free annotations.</summary>
    [JsonPropertyName("annotations")]
    public Dictionary<string, string>? Annotations { get; set; }
}
