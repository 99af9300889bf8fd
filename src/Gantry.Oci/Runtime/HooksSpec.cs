namespace Gantry.Oci.Runtime;

/// <summary>Hooks by point of the life cycle, in the order in which they run (config.md, "POSIX-platform Hooks").</summary>
public sealed class HooksSpec
{
    /// <summary>Deprecated: as createRuntime, and before it.</summary>
    public List<HookSpec>? Prestart { get; set; }

    /// <summary>In the runtime's namespaces, after the container's exist and before pivot_root.</summary>
    public List<HookSpec>? CreateRuntime { get; set; }

    /// <summary>In the container's namespaces, before pivot_root.</summary>
    public List<HookSpec>? CreateContainer { get; set; }

    /// <summary>In the container, at start, before the user's process.</summary>
    public List<HookSpec>? StartContainer { get; set; }

    /// <summary>In the runtime's namespaces, after the user's process was started.</summary>
    public List<HookSpec>? Poststart { get; set; }

    /// <summary>In the runtime's namespaces, after delete.</summary>
    public List<HookSpec>? Poststop { get; set; }
}

/// <summary>One hook: a program that gets the container's state as JSON on its standard input.</summary>
public sealed class HookSpec
{
    /// <summary>Absolute path.</summary>
    public string Path { get; set; } = "";

    /// <summary>All arguments, with argv[0].</summary>
    public List<string>? Args { get; set; }

    /// <summary>The whole environment.</summary>
    public List<string>? Env { get; set; }

    /// <summary>Seconds after which the hook is killed and the step fails.</summary>
    public int? Timeout { get; set; }
}
