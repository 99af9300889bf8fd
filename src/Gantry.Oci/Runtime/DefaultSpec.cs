namespace Gantry.Oci.Runtime;

/// <summary>A complete configuration to start from: what `gantry-runtime spec` writes.</summary>
public static class DefaultSpec
{
    /// <summary>The capabilities that containers get when nobody says otherwise, as the common engines have them.</summary>
    public static IReadOnlyList<string> Capabilities { get; } =
    [
        "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
        "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
    ];

    /// <summary>Files of /proc and /sys that tell of the host or act on it.</summary>
    public static IReadOnlyList<string> MaskedPaths { get; } =
    [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ];

    /// <summary>Directories of /proc that act on the host when written to.</summary>
    public static IReadOnlyList<string> ReadonlyPaths { get; } =
        ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

    /// <summary>proc, dev, devpts, shm, mqueue, sysfs and cgroup.</summary>
    public static List<MountSpec> Mounts() =>
    [
        Mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
        Mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        Mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        Mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        Mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        Mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        Mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "ro"),
    ];

    /// <summary>New namespaces of the six usual types.</summary>
    public static List<NamespaceSpec> Namespaces() =>
    [
        new() { Type = "pid" }, new() { Type = "network" }, new() { Type = "ipc" }, new() { Type = "uts" },
        new() { Type = "mount" }, new() { Type = "cgroup" },
    ];

    /// <summary>A container of `sh` in "rootfs" of the bundle; the caller owns and may change it.</summary>
    public static RuntimeSpec Create() => new()
    {
        Root = new RootSpec { Path = "rootfs" },
        Hostname = "gantry",
        Process = new ProcessSpec
        {
            Args = ["sh"],
            Env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            NoNewPrivileges = true,
            Capabilities = new CapabilitiesSpec
            {
                Bounding = [.. Capabilities],
                Effective = [.. Capabilities],
                Permitted = [.. Capabilities],
            },
        },
        Mounts = Mounts(),
        Linux = new LinuxSpec
        {
            Namespaces = Namespaces(),
            MaskedPaths = [.. MaskedPaths],
            ReadonlyPaths = [.. ReadonlyPaths],
            Resources = new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }] },
        },
    };

    private static MountSpec Mount(string destination, string type, string source, params string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = [.. options] };
}
