using System.Text.Json.Serialization;
using Gantry.Oci;

namespace Gantry.Images.Repositories;

/// <summary>A manifest of a repository, with what the referrers API says of it.</summary>
public sealed record RepositoryManifest
{
    /// <summary>Media type, digest and size; for referrers also artifact type and annotations.</summary>
    [JsonPropertyName("descriptor")]
    public Descriptor Descriptor { get; set; } = new();

    /// <summary>The manifest that it refers to.</summary>
    [JsonPropertyName("subject")]
    public Digest? Subject { get; set; }
}

// A tag as it is stored; the key holds repository and name.
internal sealed record RepositoryTag
{
    [JsonPropertyName("digest")]
    public Digest Digest { get; set; }
}

// That a repository may serve a blob; the key holds repository and digest.
internal sealed record RepositoryBlob
{
    [JsonPropertyName("linked")]
    public DateTimeOffset Linked { get; set; }
}
