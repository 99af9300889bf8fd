using System.Collections.Immutable;
using Gantry.Oci;

namespace Gantry.Images.Repositories;

/// <summary>One repository of Gantry's registry at one moment. Immutable.</summary>
public sealed record Repository(
    ImmutableDictionary<Digest, RepositoryManifest> Manifests,
    ImmutableSortedDictionary<string, Digest> Tags,
    ImmutableDictionary<Digest, DateTimeOffset> Blobs)
{
    /// <summary>A repository with nothing in it.</summary>
    public static Repository Empty { get; } = new(
        ImmutableDictionary<Digest, RepositoryManifest>.Empty,
        ImmutableSortedDictionary.Create<string, Digest>(StringComparer.Ordinal),
        ImmutableDictionary<Digest, DateTimeOffset>.Empty);

    /// <summary>Whether nothing is in it; such a repository does not exist for clients.</summary>
    public bool IsEmpty => Manifests.IsEmpty && Tags.IsEmpty && Blobs.IsEmpty;
}
