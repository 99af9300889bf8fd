using System.Text.Json.Serialization;

namespace Gantry.Oci;

/// <summary>A list of manifests: an OCI index or docker's manifest list.</summary>
public sealed record ImageIndex
{
    /// <summary>Always 2.</summary>
    [JsonPropertyName("schemaVersion")]
    public int SchemaVersion { get; set; } = 2;

    /// <summary>The index's own media type.</summary>
    [JsonPropertyName("mediaType")]
    public string? MediaType { get; set; }

    /// <summary>What kind of artifact this is.</summary>
    [JsonPropertyName("artifactType")]
    public string? ArtifactType { get; set; }

    /// <summary>The manifests, usually one a platform.</summary>
    [JsonPropertyName("manifests")]
    public IReadOnlyList<Descriptor> Manifests { get; set; } = [];

    /// <summary>The manifest that this index refers to.</summary>
    [JsonPropertyName("subject")]
    public Descriptor? Subject { get; set; }

    /// <summary>Free annotations.</summary>
    [JsonPropertyName("annotations")]
    public Dictionary<string, string>? Annotations { get; set; }

    /// <summary>The first manifest for a platform, or null. Attestation manifests (platform unknown) are never chosen.</summary>
    public Descriptor? Select(Platform platform) =>
        Manifests.FirstOrDefault(manifest => manifest.Platform is { } offered && platform.Matches(offered))
        ?? (Manifests.Count == 1 && Manifests[0].Platform is null ? Manifests[0] : null);
}
