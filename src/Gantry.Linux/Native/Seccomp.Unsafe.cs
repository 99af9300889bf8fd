using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>linux/seccomp.h, and seccomp.h of libseccomp.so.2, which is loaded at its first use.</summary>
internal static unsafe partial class Seccomp
{
    public const uint SCMP_ACT_KILL_PROCESS = 0x80000000;
    public const uint SCMP_ACT_KILL_THREAD = 0;
    public const uint SCMP_ACT_TRAP = 0x00030000;
    public const uint SCMP_ACT_ERRNO = 0x00050000;
    public const uint SCMP_ACT_TRACE = 0x7ff00000;
    public const uint SCMP_ACT_LOG = 0x7ffc0000;
    public const uint SCMP_ACT_NOTIFY = 0x7fc00000;
    public const uint SCMP_ACT_ALLOW = 0x7fff0000;
    public const uint SCMP_FLTATR_CTL_OPTIMIZE = 8;

    private const nint SECCOMP_SET_MODE_FILTER = 1;
    private const int InstructionSize = 8;

    /// <summary>seccomp(2) with SECCOMP_SET_MODE_FILTER; returns the notify descriptor with SECCOMP_FILTER_FLAG_NEW_LISTENER.</summary>
    public static int SetFilter(ReadOnlySpan<byte> program, uint flags)
    {
        fixed (byte* code = program)
        {
            var header = new FilterProgram { Count = (ushort)(program.Length / InstructionSize), Code = code };
            var result = seccomp(Syscall.Seccomp, SECCOMP_SET_MODE_FILTER, (nint)flags, &header);
            return (int)LinuxException.Check(result, "seccomp", $"flags 0x{flags:x}");
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint seccomp(nint number, nint operation, nint flags, FilterProgram* program);

    [LibraryImport("libseccomp.so.2")]
    internal static partial nint seccomp_init(uint defaultAction);

    [LibraryImport("libseccomp.so.2")]
    internal static partial void seccomp_release(nint context);

    [LibraryImport("libseccomp.so.2")]
    internal static partial int seccomp_attr_set(nint context, uint attribute, uint value);

    [LibraryImport("libseccomp.so.2", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial uint seccomp_arch_resolve_name(string name);

    [LibraryImport("libseccomp.so.2")]
    internal static partial int seccomp_arch_add(nint context, uint architecture);

    [LibraryImport("libseccomp.so.2", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int seccomp_syscall_resolve_name(string name);

    [LibraryImport("libseccomp.so.2", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int seccomp_syscall_resolve_name_arch(uint architecture, string name);

    [LibraryImport("libseccomp.so.2")]
    internal static partial uint seccomp_arch_native();

    [LibraryImport("libseccomp.so.2")]
    internal static partial int seccomp_rule_add_array(
        nint context, uint action, int syscall, uint count, ReadOnlySpan<ArgumentCondition> conditions);

    [LibraryImport("libseccomp.so.2")]
    internal static partial int seccomp_export_bpf(nint context, int fd);

    [StructLayout(LayoutKind.Sequential)]
    internal struct ArgumentCondition
    {
        public uint Index;
        public int Operator;
        public ulong Value;
        public ulong ValueTwo;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct FilterProgram
    {
        public ushort Count;
        public byte* Code;
    }
}
