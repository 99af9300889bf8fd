using System.Globalization;
using Gantry.Engine.Containers;
using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Specs;

/// <summary>Writes a container's config.json (OCI runtime-spec 1.2) from its record.</summary>
internal sealed class RuntimeSpecBuilder(ContainerRecord container, string rootPath, NamespacePlan namespaces)
{
    private readonly ContainerSpec _spec = container.Spec;
    private readonly SecuritySpec _security = container.Spec.Security;

    /// <summary>The whole document. <paramref name="files"/> are bind mounts of the files that the engine writes: source, target.</summary>
    internal RuntimeSpec Build(string cgroupsPath, IReadOnlyList<(string Source, string Target)> files, IReadOnlyList<MountSpec> mounts)
    {
        List<string> capabilities = CapabilitySet.Resolve(_security.CapAdd, _security.CapDrop, _security.Privileged);
        return new RuntimeSpec
        {
            Root = new RootSpec { Path = rootPath, Readonly = _security.ReadOnlyRoot },
            Process = BuildProcess(capabilities),
            Hostname = namespaces.Uts is null ? HostName : null,
            Domainname = namespaces.Uts is null && _spec.DomainName.Length > 0 ? _spec.DomainName : null,
            Mounts = BuildMounts(files, mounts),
            Linux = new LinuxSpec
            {
                Namespaces = BuildNamespaces(),
                CgroupsPath = cgroupsPath,
                Resources = ResourceTranslation.Build(_spec.Resources, _security),
                Devices = DeviceTranslation.Devices(_security),
                RootfsPropagation = mounts.Any(mount => mount.Options is { } options && (options.Contains("rshared") || options.Contains("shared"))) ? "shared"
                    : mounts.Any(mount => mount.Options is { } options && (options.Contains("rslave") || options.Contains("slave"))) ? "slave" : null,
                Seccomp = BuildSeccomp(capabilities),
                Sysctl = _spec.SandboxId is null && _spec.Sysctls.Count > 0 ? Sysctls() : null,
                MaskedPaths = _security.Privileged ? null : _security.MaskedPaths ?? [.. DefaultConfinement.MaskedPaths],
                ReadonlyPaths = _security.Privileged ? null : _security.ReadonlyPaths ?? [.. DefaultConfinement.ReadonlyPaths],
            },
        };
    }

    /// <summary>The host name that the container sees.</summary>
    internal string HostName => _spec.HostName.Length > 0 ? _spec.HostName
        : namespaces.Network == NamespacePlan.Host ? Environment.MachineName
        : container.ShortId;

    private ProcessSpec BuildProcess(List<string> capabilities)
    {
        UserLookup users = new(rootPath);
        UserSpec user = users.Resolve(_spec.User, _spec.Groups);
        return new ProcessSpec
        {
            Terminal = _spec.Terminal,
            ConsoleSize = _spec.TerminalSize is { } size ? new ConsoleSizeSpec { Width = size.Columns, Height = size.Rows } : null,
            User = user,
            Args = container.Arguments,
            Env = BuildEnvironment(users.HomeOf(user.Uid)),
            Cwd = _spec.WorkingDirectory.Length > 0 ? _spec.WorkingDirectory : "/",
            Capabilities = Capabilities(capabilities, user.Uid == 0),
            NoNewPrivileges = _security.NoNewPrivileges,
            OomScoreAdj = _spec.Resources.OomScoreAdj != 0 ? _spec.Resources.OomScoreAdj : null,
            Rlimits = _spec.Resources.Ulimits.Count == 0 ? null : [.. _spec.Resources.Ulimits.Select(limit => new RlimitSpec
            {
                Type = "RLIMIT_" + limit.Name.ToUpperInvariant(),
                Soft = limit.Soft < 0 ? ulong.MaxValue : (ulong)limit.Soft,
                Hard = limit.Hard < 0 ? ulong.MaxValue : (ulong)limit.Hard,
            })],
        };
    }

    /// <summary>Docker's rule: a user other than root has the bounding set only, so that its programs start with nothing.</summary>
    internal static CapabilitiesSpec Capabilities(List<string> capabilities, bool isRoot) => new()
    {
        Bounding = capabilities,
        Permitted = isRoot ? capabilities : [],
        Effective = isRoot ? capabilities : [],
    };

    private List<string> BuildEnvironment(string? home)
    {
        List<string> environment = [.. _spec.Environment];
        void Default(string name, string value)
        {
            if (!environment.Exists(entry => entry.StartsWith(name + "=", StringComparison.Ordinal)))
            {
                environment.Add($"{name}={value}");
            }
        }

        Default("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        Default("HOSTNAME", HostName);
        if (_spec.Terminal)
        {
            Default("TERM", "xterm");
        }

        Default("HOME", home is { Length: > 0 } ? home : "/");
        return environment;
    }

    private List<NamespaceSpec> BuildNamespaces()
    {
        List<NamespaceSpec> list = [new NamespaceSpec { Type = "mount" }];
        void Add(string type, string? path)
        {
            if (path != NamespacePlan.Host)
            {
                list.Add(new NamespaceSpec { Type = type, Path = path });
            }
        }

        Add("network", namespaces.Network);
        Add("ipc", namespaces.Ipc);
        Add("uts", namespaces.Uts);
        Add("pid", namespaces.Pid);
        // Docker's default: on cgroup v2 a container sees its own group as the root; on v1 it sees the host's paths.
        if (ControlGroup.IsUnified())
        {
            list.Add(new NamespaceSpec { Type = "cgroup" });
        }

        return list;
    }

    private SeccompSpec? BuildSeccomp(List<string> capabilities)
    {
        if (_security.Privileged || _security.Seccomp == "unconfined")
        {
            return null;
        }

        return _security.Seccomp is null
            ? DefaultSeccomp.Build(capabilities)
            : RuntimeSpecJson.ReadSeccomp(System.Text.Encoding.UTF8.GetBytes(_security.Seccomp), "seccomp profile");
    }

    private Dictionary<string, string> Sysctls()
    {
        if (namespaces.Network == NamespacePlan.Host && _spec.Sysctls.Keys.FirstOrDefault(key => key.StartsWith("net.", StringComparison.Ordinal)) is { } refused)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"sysctl \"{refused}\" not allowed in host network namespace");
        }

        return _spec.Sysctls;
    }

    private List<MountSpec> BuildMounts(IReadOnlyList<(string Source, string Target)> files, IReadOnlyList<MountSpec> mounts)
    {
        string shmSize = (_spec.Resources.ShmSize > 0 ? _spec.Resources.ShmSize : 64L << 20).ToString(CultureInfo.InvariantCulture);
        bool hostNetwork = namespaces.Network == NamespacePlan.Host;
        string sysAccess = _security.Privileged ? "rw" : "ro";
        List<MountSpec> list =
        [
            Mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
            Mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            Mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            hostNetwork && !_security.Privileged
                ? Mount("/sys", "bind", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro")
                : Mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", sysAccess),
            Mount("/sys/fs/cgroup", "cgroup", "cgroup", sysAccess, "nosuid", "noexec", "nodev"),
        ];
        if (namespaces.Ipc == NamespacePlan.Host)
        {
            list.Add(Mount("/dev/mqueue", "bind", "/dev/mqueue", "rbind", "nosuid", "noexec", "nodev"));
            list.Add(Mount("/dev/shm", "bind", "/dev/shm", "rbind", "nosuid", "noexec", "nodev"));
        }
        else
        {
            list.Add(Mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"));
            list.Add(namespaces.SharedMemory is { } shared
                ? Mount("/dev/shm", "bind", shared, "rbind", "rprivate")
                : Mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=" + shmSize));
        }

        // What the user mounts replaces the defaults at the same place (a tmpfs of one's own at /dev/shm, /etc/hosts from the host).
        list.AddRange(files.Select(file => Mount(file.Target, "bind", file.Source, "rbind", "rprivate")));
        list.RemoveAll(one => mounts.Any(mount => mount.Destination == one.Destination));
        // Parents before children.
        list.AddRange(mounts.OrderBy(mount => mount.Destination.Count(letter => letter == '/')).ThenBy(mount => mount.Destination, StringComparer.Ordinal));
        return list;
    }

    private static MountSpec Mount(string destination, string type, string source, params string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = [.. options] };
}
