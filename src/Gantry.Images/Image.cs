using Gantry.Oci;

namespace Gantry.Images;

/// <summary>An image as it was when it was asked for. Immutable.</summary>
public sealed record Image
{
    /// <summary>Its identity: the configuration's digest.</summary>
    public required Digest Id { get; init; }

    /// <summary>The configuration.</summary>
    public required ImageConfig Config { get; init; }

    /// <summary>The manifest's descriptor; the manifest's blob is in the content store.</summary>
    public required Descriptor Manifest { get; init; }

    /// <summary>The ChainID of its layers, on which containers are prepared; null for an image without layers.</summary>
    public Digest? ChainId { get; init; }

    /// <summary>The image that it was built from by one step on this machine.</summary>
    public Digest? Parent { get; init; }

    /// <summary>Its names as people write them, <c>busybox:latest</c>, in ordinal order.</summary>
    public IReadOnlyList<string> RepoTags { get; init; } = [];

    /// <summary><c>busybox@sha256:...</c>, where it was pulled from or pushed to.</summary>
    public IReadOnlyList<string> RepoDigests { get; init; } = [];

    /// <summary>The sizes of all its files together.</summary>
    public long SizeBytes { get; init; }

    /// <summary>When it last got a name here.</summary>
    public DateTimeOffset? LastTagged { get; init; }

    /// <summary>The run configuration, never null.</summary>
    public ContainerConfig RunConfig => Config.Config ?? new ContainerConfig();
}
