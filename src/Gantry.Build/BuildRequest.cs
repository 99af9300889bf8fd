using Gantry.Images;
using Gantry.Oci;

namespace Gantry.Build;

/// <summary>What to build: the query of docker's build call and its context.</summary>
public sealed record BuildRequest
{
    /// <summary>The context: a tar archive, compressed by gzip or zstd or not at all. Read once, to its end.</summary>
    public required Stream Context { get; init; }

    /// <summary>The Dockerfile's path in the context.</summary>
    public string DockerfilePath { get; init; } = "Dockerfile";

    /// <summary>Names for the image.</summary>
    public IReadOnlyList<ImageReference> Tags { get; init; } = [];

    /// <summary>Values for ARG; null means: not set.</summary>
    public IReadOnlyDictionary<string, string?> BuildArgs { get; init; } = new Dictionary<string, string?>();

    /// <summary>Labels beside those of the Dockerfile.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The stage to build; empty for the last.</summary>
    public string Target { get; init; } = "";

    /// <summary>Run every step, whatever the cache holds.</summary>
    public bool NoCache { get; init; }

    /// <summary>Ask registries for newer base images.</summary>
    public bool Pull { get; init; }

    /// <summary>The platform to build for, or null for this machine's.</summary>
    public Platform? Platform { get; init; }

    /// <summary>The network of RUN.</summary>
    public string NetworkMode { get; init; } = "default";

    /// <summary><c>host:address</c>.</summary>
    public IReadOnlyList<string> ExtraHosts { get; init; } = [];

    /// <summary>Memory limit of RUN, or 0.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Size of /dev/shm for RUN, or 0.</summary>
    public long ShmSizeBytes { get; init; }

    /// <summary>Finds credentials for a registry's domain (X-Registry-Config).</summary>
    public Func<string, RegistryCredentials?> CredentialsFor { get; init; } = static _ => null;

    /// <summary>Hears the build's messages in order, one at a time; must be quick and must not throw.</summary>
    public Action<BuildMessage> Output { get; init; } = static _ => { };
}

/// <summary>
/// A message of a build; one of the three is set: text as the classic builder prints it (<c>stream</c>), the progress of a pull,
/// or the finished image's id (<c>aux</c>).
/// </summary>
public sealed record BuildMessage(string? Stream, ImageProgress? Progress = null, Digest? ImageId = null);
