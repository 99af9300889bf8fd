using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>linux/capability.h. Sets are bit masks, bit n being capability n.</summary>
public static partial class LinuxCapability
{
    private const uint _LINUX_CAPABILITY_VERSION_3 = 0x20080522;

    private static readonly string[] Names =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
        "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
        "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ];

    /// <summary>Every capability's name, by number.</summary>
    public static IReadOnlyList<string> All => Names;

    /// <summary>The number of a name as "CAP_CHOWN"; -1 when there is no such capability.</summary>
    public static int Number(string name) => Array.IndexOf(Names, name);

    /// <summary>capset(2) on this process.</summary>
    public static void Set(ulong effective, ulong permitted, ulong inheritable)
    {
        var header = new CapabilityHeader { Version = _LINUX_CAPABILITY_VERSION_3 };
        Span<CapabilityData> data = stackalloc CapabilityData[2];
        data[0] = new CapabilityData
        {
            Effective = (uint)effective,
            Permitted = (uint)permitted,
            Inheritable = (uint)inheritable,
        };
        data[1] = new CapabilityData
        {
            Effective = (uint)(effective >> 32),
            Permitted = (uint)(permitted >> 32),
            Inheritable = (uint)(inheritable >> 32),
        };
        LinuxException.Check(capset(Syscall.Capset, ref header, data), "capset");
    }

    /// <summary>capget(2): this process's permitted set.</summary>
    public static ulong Permitted()
    {
        var header = new CapabilityHeader { Version = _LINUX_CAPABILITY_VERSION_3 };
        Span<CapabilityData> data = stackalloc CapabilityData[2];
        LinuxException.Check(capset(Syscall.Capget, ref header, data), "capget");
        return data[0].Permitted | ((ulong)data[1].Permitted << 32);
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int capset(nint number, ref CapabilityHeader header, Span<CapabilityData> data);

    [StructLayout(LayoutKind.Sequential)]
    internal struct CapabilityHeader
    {
        public uint Version;
        public int Pid;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct CapabilityData
    {
        public uint Effective;
        public uint Permitted;
        public uint Inheritable;
    }
}
