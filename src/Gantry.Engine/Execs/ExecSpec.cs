namespace Gantry.Engine.Execs;

/// <summary>A further process that is asked for in a running container.</summary>
public sealed record ExecSpec
{
    /// <summary>Program and arguments.</summary>
    public required List<string> Arguments { get; init; }

    /// <summary>NAME=value, laid over the container's.</summary>
    public List<string> Environment { get; init; } = [];

    /// <summary>user[:group]; empty is the container's.</summary>
    public string User { get; init; } = "";

    /// <summary>Working directory; empty is the container's.</summary>
    public string WorkingDirectory { get; init; } = "";

    /// <summary>With a pseudo terminal.</summary>
    public bool Terminal { get; init; }

    /// <summary>All capabilities.</summary>
    public bool Privileged { get; init; }

    /// <summary>Standard input is attached.</summary>
    public bool AttachStdin { get; init; }

    /// <summary>Standard output is attached.</summary>
    public bool AttachStdout { get; init; }

    /// <summary>Standard error is attached.</summary>
    public bool AttachStderr { get; init; }

    /// <summary>Shown only: the keys that detach.</summary>
    public string DetachKeys { get; init; } = "";
}

/// <summary>An exec as it is shown. Immutable. <c>ExitCode</c> is null until it has ended.</summary>
public sealed record ExecStatus(string Id, string ContainerId, ExecSpec Spec, bool Running, int? ExitCode, int Pid, DateTimeOffset CreatedAt);

/// <summary>The outcome of an exec that was run to its end; the output is cut at the asked-for size.</summary>
public sealed record ExecResult(int ExitCode, byte[] Stdout, byte[] Stderr);
