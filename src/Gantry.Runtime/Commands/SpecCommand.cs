using System.Text.Json;
using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>spec: a config.json to start from.</summary>
internal static class SpecCommand
{
    public static readonly CommandSyntax Syntax = new(
        "spec", "", "write a config.json to start from", """
        bundle|b=DIR  where to (the current directory)
        rootless      for a container of a user who is not root

        """)
    { MinOperands = 0, MaxOperands = 0 };

    public static int Run(CommandContext context, CommandArguments arguments)
    {
        var path = Path.Combine(arguments.Value("bundle") is { Length: > 0 } bundle ? bundle : ".", "config.json");
        if (File.Exists(path))
        {
            throw new FaultException(FaultKind.AlreadyExists, $"{path}: file exists; remove it first");
        }
        var spec = DefaultSpec.Create();
        // As other runtimes' spec: for somebody at a terminal, with a root that is not written to.
        spec.Process!.Terminal = true;
        spec.Root!.Readonly = true;
        if (!ControlGroup.IsUnified())
        {
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "cgroup");
        }
        if (arguments.Has("rootless"))
        {
            MakeRootless(spec);
        }
        using var document = JsonDocument.Parse(RuntimeSpecJson.Write(spec));
        var text = JsonText.Indented(document.WriteTo);
        SmallFile.Write(path, text, 0x1A4);
        return 0;
    }

    /// <summary>
    /// A user namespace with one id, the caller's, as root; the host's network; /sys bound from the host, because only the
    /// owner of a network namespace may mount sysfs; no cgroup limits.
    /// </summary>
    private static void MakeRootless(RuntimeSpec spec)
    {
        var linux = spec.Linux!;
        linux.Namespaces!.RemoveAll(static item => item.Type is "network" or "user");
        linux.Namespaces.Add(new NamespaceSpec { Type = "user" });
        linux.UidMappings = [new IdMappingSpec { ContainerID = 0, HostID = Unistd.EffectiveUserId(), Size = 1 }];
        linux.GidMappings = [new IdMappingSpec { ContainerID = 0, HostID = Unistd.EffectiveGroupId(), Size = 1 }];
        linux.Resources = null;
        foreach (var mount in spec.Mounts!)
        {
            mount.Options?.RemoveAll(static option => option.StartsWith("gid=", StringComparison.Ordinal));
        }
        var system = spec.Mounts.FindIndex(static mount => mount.Destination == "/sys");
        spec.Mounts[system] = new MountSpec
        {
            Destination = "/sys",
            Type = "none",
            Source = "/sys",
            Options = ["rbind", "nosuid", "noexec", "nodev", "ro"],
        };
        spec.Mounts.RemoveAll(static mount => mount.Destination == "/sys/fs/cgroup");
    }
}
