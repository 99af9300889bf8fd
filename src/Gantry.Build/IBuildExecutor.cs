namespace Gantry.Build;

/// <summary>
/// Runs the commands of RUN instructions: the builder's only need of containers. The implementation runs each command as the
/// first process of a container whose root is a directory that is already mounted, and removes every trace of the container
/// but for what the command wrote there. It resolves user names in that root, mounts /proc, /dev, /sys and the host's
/// /etc/resolv.conf, /etc/hosts and /etc/hostname (whose mount points exist) as for any container, and gives it the network asked
/// for.
/// </summary>
public interface IBuildExecutor
{
    /// <summary>
    /// Runs a command to its end and returns its exit code (128 + signal when one killed it). Faults when the container cannot
    /// be made: <c>InvalidArgument</c> for an unknown user, <c>NotFound</c> when the program is not there. Cancellation kills the
    /// command.
    /// </summary>
    Task<int> RunAsync(BuildCommand command, CancellationToken cancellationToken);

    /// <summary>
    /// Ends commands that an earlier process of this instance began and removes their containers. Called once, before the
    /// first command.
    /// </summary>
    Task RecoverAsync(CancellationToken cancellationToken);
}

/// <summary>A command of a RUN instruction.</summary>
public sealed record BuildCommand
{
    /// <summary>Names the container, unique on the machine: 64 hexadecimal characters.</summary>
    public required string Id { get; init; }

    /// <summary>The mounted root file system.</summary>
    public required string RootDirectory { get; init; }

    /// <summary>Program and arguments.</summary>
    public required IReadOnlyList<string> Args { get; init; }

    /// <summary><c>NAME=value</c>.</summary>
    public required IReadOnlyList<string> Env { get; init; }

    /// <summary><c>user[:group]</c> by name or number; empty for root.</summary>
    public string User { get; init; } = "";

    /// <summary>The working directory, absolute; it exists.</summary>
    public string WorkingDirectory { get; init; } = "/";

    /// <summary>As in <c>docker build --network</c>: <c>default</c>, <c>bridge</c>, <c>host</c>, <c>none</c> or a network's name.</summary>
    public string NetworkMode { get; init; } = "default";

    /// <summary>Mounts beside the usual ones, in order.</summary>
    public IReadOnlyList<BuildMount> Mounts { get; init; } = [];

    /// <summary><c>host:address</c> lines for /etc/hosts.</summary>
    public IReadOnlyList<string> ExtraHosts { get; init; } = [];

    /// <summary>Memory limit, or 0.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Size of /dev/shm, or 0 for the usual.</summary>
    public long ShmSizeBytes { get; init; }

    /// <summary>Hears what the command writes to standard output and standard error, as it comes, one call at a time.</summary>
    public required Action<ReadOnlyMemory<byte>> Output { get; init; }
}

/// <summary>A mount of one RUN instruction. <c>Source</c> is a path of the host, null for a tmpfs.</summary>
public sealed record BuildMount(string? Source, string Target, bool IsReadOnly, long SizeBytes = 0);
