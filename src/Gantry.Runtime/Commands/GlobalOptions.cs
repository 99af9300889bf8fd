using Gantry.Faults;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Commands;

/// <summary>What stands before the command.</summary>
internal sealed record GlobalOptions
{
    public const string OptionTable = """
        root=DIR             where containers' states are kept; a tmpfs (/run/gantry-runtime)
        log=FILE             append errors and warnings to this file (standard error)
        log-format=FORMAT    text or json (text)
        debug                log what is done, too
        systemd-cgroup       have systemd make the cgroup: linux.cgroupsPath is slice:prefix:name
        cgroup-manager=NAME  cgroupfs or systemd (cgroupfs)
        rootless=MODE        true, false or auto: go on where the cgroup may not be changed (auto)
        version|v            say the version
        help|h               say this

        """;

    private const string DirectoryName = "gantry-runtime";

    public required string Root { get; init; }

    /// <summary>
    /// A cgroup that may not be made is gone without, unless limits are asked for; null does so for everybody but the host's root.
    /// </summary>
    public bool? Rootless { get; init; }

    /// <summary>Containers that are created get a scope of systemd's; others keep what they have.</summary>
    public bool SystemdCgroup { get; init; }

    public static GlobalOptions Read(CommandArguments arguments)
    {
        var format = arguments.Value("log-format") ?? "text";
        if (format is not ("" or "text" or "json"))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"--log-format {format}: must be text or json");
        }
        CommandOutput.SetLog(arguments.Value("log"), format == "json", arguments.Has("debug"));
        var manager = arguments.Value("cgroup-manager") ?? "cgroupfs";
        if (manager is not ("cgroupfs" or "systemd"))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"--cgroup-manager {manager}: must be cgroupfs or systemd");
        }
        return new GlobalOptions
        {
            Root = arguments.Value("root") ?? DefaultRoot(),
            SystemdCgroup = arguments.Has("systemd-cgroup") || manager == "systemd",
            Rootless = (arguments.Value("rootless") ?? "auto") switch
            {
                "auto" => null,
                "true" or "1" => true,
                "false" or "0" => false,
                var mode => throw new FaultException(FaultKind.InvalidArgument, $"--rootless {mode}: must be true, false or auto"),
            },
        };
    }

    /// <summary>A user's own directory (XDG_RUNTIME_DIR) unless the user is the host's root.</summary>
    private static string DefaultRoot()
    {
        var directory = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return !string.IsNullOrEmpty(directory) && !UserNamespace.IsHostRoot()
            ? $"{directory}/{DirectoryName}"
            : $"/run/{DirectoryName}";
    }
}
