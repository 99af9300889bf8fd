using Gantry.Oci;

namespace Gantry.Images;

/// <summary>
/// One progress message in docker's terms: an optional id (a layer, a tag), what is going on, and how far it is. Given to the
/// receiver in order, one at a time per operation, on the operation's threads; a receiver must be quick and must not throw.
/// </summary>
public sealed record ImageProgress(string? Id, string Status, long Current = 0, long Total = 0);

/// <summary>What to pull.</summary>
public sealed record PullRequest(ImageReference Reference)
{
    /// <summary>The platform, or null for this machine's.</summary>
    public Platform? Platform { get; init; }

    /// <summary>For the registry, or null.</summary>
    public RegistryCredentials? Credentials { get; init; }

    /// <summary>Hears the progress, or null.</summary>
    public Action<ImageProgress>? Progress { get; init; }
}

/// <summary>What to push; the reference has a tag, or every tag of the repository is pushed.</summary>
public sealed record PushRequest(ImageReference Reference)
{
    /// <summary>For the registry, or null.</summary>
    public RegistryCredentials? Credentials { get; init; }

    /// <summary>Hears the progress, or null.</summary>
    public Action<ImageProgress>? Progress { get; init; }
}

/// <summary>One pushed tag and its manifest.</summary>
public sealed record PushResult(string Tag, Digest Digest, long SizeBytes);

/// <summary>
/// Who somebody is for a registry, as in X-Registry-Auth: user and password, a token to exchange, or a token to send.
/// </summary>
public sealed record RegistryCredentials(string? Username, string? Password, string? IdentityToken = null, string? RegistryToken = null);
