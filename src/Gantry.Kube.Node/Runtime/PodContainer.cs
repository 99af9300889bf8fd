namespace Gantry.Kube.Node.Runtime;

/// <summary>Where a container is in its life (CRI ContainerState).</summary>
public enum PodContainerState
{
    Created,
    Running,
    Exited,
}

/// <summary>A container of a pod as the runtime reports it.</summary>
public sealed record PodContainer
{
    public required string Id { get; init; }

    public required string SandboxId { get; init; }

    public required string PodUid { get; init; }

    /// <summary>The container's name in the pod.</summary>
    public required string Name { get; init; }

    /// <summary>0 for the first run, 1 for the first restart, and so on.</summary>
    public int Attempt { get; init; }

    public PodContainerState State { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    public int ExitCode { get; init; }

    public bool OomKilled { get; init; }

    /// <summary>Why it could not be started; empty otherwise.</summary>
    public string Error { get; init; } = "";

    /// <summary>The image's name as in the pod.</summary>
    public string Image { get; init; } = "";

    /// <summary>The image's id: sha256:...</summary>
    public string ImageId { get; init; } = "";
}

/// <summary>
/// An image on the node. <c>User</c> is that of its configuration; <c>IsLocalOnly</c> says that it was made here and that no
/// registry has it.
/// </summary>
public sealed record PodImage(string Id, string User, bool IsLocalOnly = false);

/// <summary>Credentials for a registry (a dockerconfigjson entry).</summary>
public sealed record RegistryLogin(string Registry, string UserName, string Password);

/// <summary>The end of a command: its exit code and the beginning of its output, both streams together.</summary>
public sealed record ExecOutcome(int ExitCode, string Output);
