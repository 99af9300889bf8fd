using Gantry.Oci;

namespace Gantry.Images;

/// <summary>Options of <see cref="ImageService"/>.</summary>
public sealed record ImageServiceOptions
{
    /// <summary>The directory that holds blobs and snapshots. It must be on a file system that overlayfs accepts as upper.</summary>
    public required string Root { get; init; }

    /// <summary>
    /// The addresses of Gantry's own registry as they stand in references, <c>localhost:5000</c>: push and pull there copy no
    /// bytes and open no connection.
    /// </summary>
    public IReadOnlyList<string> OwnRegistries { get; init; } = [];

    /// <summary>Base URLs that are asked before docker.io, in order.</summary>
    public IReadOnlyList<string> RegistryMirrors { get; init; } = [];

    /// <summary>Registries (host:port) that are spoken to by plain HTTP; loopback addresses always are.</summary>
    public IReadOnlyList<string> InsecureRegistries { get; init; } = [];

    /// <summary>Layers that one pull or push transfers at a time. Docker's max-concurrent-downloads is 3.</summary>
    public int ParallelTransfers { get; init; } = 3;

    /// <summary>The platform whose images are chosen when none is asked for.</summary>
    public Platform Platform { get; init; } = Platform.Host;

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
