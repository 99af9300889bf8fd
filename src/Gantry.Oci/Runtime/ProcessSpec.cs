namespace Gantry.Oci.Runtime;

/// <summary>A process to run in a container: config.json's "process", and what exec takes.</summary>
public sealed class ProcessSpec
{
    /// <summary>True gives the process a pseudo terminal.</summary>
    public bool Terminal { get; set; }

    /// <summary>The terminal's first size.</summary>
    public ConsoleSizeSpec? ConsoleSize { get; set; }

    /// <summary>User and groups.</summary>
    public UserSpec User { get; set; } = new();

    /// <summary>Program and arguments; the program is searched in PATH of <see cref="Env"/> when it has no slash.</summary>
    public List<string> Args { get; set; } = [];

    /// <summary>NAME=value entries.</summary>
    public List<string>? Env { get; set; }

    /// <summary>The absolute working directory inside the container.</summary>
    public string Cwd { get; set; } = "/";

    /// <summary>The five capability sets; null drops all.</summary>
    public CapabilitiesSpec? Capabilities { get; set; }

    /// <summary>Resource limits (setrlimit(2)).</summary>
    public List<RlimitSpec>? Rlimits { get; set; }

    /// <summary>Sets PR_SET_NO_NEW_PRIVS.</summary>
    public bool NoNewPrivileges { get; set; }

    /// <summary>AppArmor profile name.</summary>
    public string? ApparmorProfile { get; set; }

    /// <summary>Written to /proc/self/oom_score_adj.</summary>
    public int? OomScoreAdj { get; set; }

    /// <summary>SELinux process label.</summary>
    public string? SelinuxLabel { get; set; }

    /// <summary>Scheduling policy.</summary>
    public SchedulerSpec? Scheduler { get; set; }

    /// <summary>I/O priority.</summary>
    public IoPrioritySpec? IoPriority { get; set; }

    /// <summary>Processors of an exec's process; not for a container's first one.</summary>
    public CpuAffinitySpec? ExecCPUAffinity { get; set; }
}

/// <summary>Rows and columns of a terminal.</summary>
public sealed class ConsoleSizeSpec
{
    /// <summary>Rows.</summary>
    public ushort Height { get; set; }

    /// <summary>Columns.</summary>
    public ushort Width { get; set; }
}

/// <summary>A process's user.</summary>
public sealed class UserSpec
{
    /// <summary>User id inside the container.</summary>
    public uint Uid { get; set; }

    /// <summary>Group id inside the container.</summary>
    public uint Gid { get; set; }

    /// <summary>umask(2); null keeps 0022.</summary>
    public uint? Umask { get; set; }

    /// <summary>Supplementary groups.</summary>
    public List<uint>? AdditionalGids { get; set; }
}

/// <summary>Capability names ("CAP_CHOWN") by set (capabilities(7)).</summary>
public sealed class CapabilitiesSpec
{
    /// <summary>Bounding set.</summary>
    public List<string>? Bounding { get; set; }

    /// <summary>Effective set.</summary>
    public List<string>? Effective { get; set; }

    /// <summary>Inheritable set.</summary>
    public List<string>? Inheritable { get; set; }

    /// <summary>Permitted set.</summary>
    public List<string>? Permitted { get; set; }

    /// <summary>Ambient set.</summary>
    public List<string>? Ambient { get; set; }
}

/// <summary>One resource limit.</summary>
public sealed class RlimitSpec
{
    /// <summary>RLIMIT_NOFILE and the like.</summary>
    public string Type { get; set; } = "";

    /// <summary>Hard limit.</summary>
    public ulong Hard { get; set; }

    /// <summary>Soft limit.</summary>
    public ulong Soft { get; set; }
}
