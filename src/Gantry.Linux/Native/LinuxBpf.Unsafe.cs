using System.Runtime.InteropServices;
using System.Text;

namespace Gantry.Linux.Native;

/// <summary>linux/bpf.h: loading and attaching programs of type CGROUP_DEVICE (bpf(2)).</summary>
internal static unsafe partial class LinuxBpf
{
    private const int BPF_PROG_LOAD = 5;
    private const int BPF_PROG_ATTACH = 8;
    private const int BPF_PROG_DETACH = 9;
    private const int BPF_PROG_GET_FD_BY_ID = 13;
    private const int BPF_PROG_QUERY = 16;
    private const int BPF_PROG_TYPE_CGROUP_DEVICE = 15;
    private const int BPF_CGROUP_DEVICE = 6;
    private const uint BPF_F_ALLOW_MULTI = 2;
    private const int MaxAttached = 64;

    /// <summary>exit.</summary>
    public const ulong Exit = 0x95;

    private static nint Number => Syscall.Arm ? 280 : 321;

    /// <summary>target = *(u32 *)(source + offset).</summary>
    public static ulong LoadWord(int target, int source, short offset) => Encode(0x61, target, source, offset, 0);

    /// <summary>target = source, 32 bits.</summary>
    public static ulong Move(int target, int source) => Encode(0xbc, target, source, 0, 0);

    /// <summary>target = value.</summary>
    public static ulong MoveValue(int target, int value) => Encode(0xb7, target, 0, 0, value);

    /// <summary>target &amp;= value, 32 bits.</summary>
    public static ulong AndValue(int target, int value) => Encode(0x54, target, 0, 0, value);

    /// <summary>target >>= bits, 32 bits.</summary>
    public static ulong ShiftRight(int target, int bits) => Encode(0x74, target, 0, 0, bits);

    /// <summary>Skips instructions when the register differs from the value.</summary>
    public static ulong JumpIfNotEqual(int register, int value, short skip) => Encode(0x55, register, 0, skip, value);

    /// <summary>Skips instructions when the register equals the value.</summary>
    public static ulong JumpIfEqual(int register, int value, short skip) => Encode(0x15, register, 0, skip, value);

    /// <summary>BPF_PROG_LOAD.</summary>
    public static FileDescriptor LoadDeviceProgram(ReadOnlySpan<ulong> instructions)
    {
        var license = "Apache\0"u8;
        fixed (ulong* code = instructions)
        fixed (byte* name = license)
        {
            var attributes = new LoadAttributes
            {
                Type = BPF_PROG_TYPE_CGROUP_DEVICE,
                Count = (uint)instructions.Length,
                Instructions = code,
                License = name,
            };
            var result = bpf(Number, BPF_PROG_LOAD, &attributes, (uint)sizeof(LoadAttributes));
            return new FileDescriptor(LinuxException.Check(result, "bpf BPF_PROG_LOAD", "device rules"));
        }
    }

    /// <summary>Attaches the program to a group and detaches what was attached before.</summary>
    public static void ReplaceDeviceProgram(int group, int program, string name)
    {
        Span<uint> former = stackalloc uint[MaxAttached];
        var count = Query(group, former, name);
        var attach = new AttachAttributes
        {
            Target = group,
            Program = program,
            Type = BPF_CGROUP_DEVICE,
            Flags = BPF_F_ALLOW_MULTI,
        };
        LinuxException.Check(
            bpf(Number, BPF_PROG_ATTACH, &attach, (uint)sizeof(AttachAttributes)), "bpf BPF_PROG_ATTACH", name);
        foreach (var id in former[..count])
        {
            var get = new QueryAttributes { Target = id };
            using var old = new FileDescriptor(LinuxException.Check(
                bpf(Number, BPF_PROG_GET_FD_BY_ID, &get, (uint)sizeof(QueryAttributes)), "bpf BPF_PROG_GET_FD_BY_ID", name));
            var detach = new AttachAttributes { Target = group, Program = old.Number, Type = BPF_CGROUP_DEVICE };
            LinuxException.Check(
                bpf(Number, BPF_PROG_DETACH, &detach, (uint)sizeof(AttachAttributes)), "bpf BPF_PROG_DETACH", name);
        }
    }

    private static int Query(int group, Span<uint> ids, string name)
    {
        fixed (uint* buffer = ids)
        {
            var query = new QueryAttributes
            {
                Target = (uint)group,
                Type = BPF_CGROUP_DEVICE,
                Ids = buffer,
                Count = (uint)ids.Length,
            };
            LinuxException.Check(bpf(Number, BPF_PROG_QUERY, &query, (uint)sizeof(QueryAttributes)), "bpf BPF_PROG_QUERY", name);
            return (int)query.Count;
        }
    }

    private static ulong Encode(byte operation, int target, int source, short offset, int value) =>
        operation | ((ulong)(uint)(target | (source << 4)) << 8) | ((ulong)(ushort)offset << 16) | ((ulong)(uint)value << 32);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int bpf(nint number, int command, void* attributes, uint size);

    [StructLayout(LayoutKind.Sequential)]
    private struct LoadAttributes
    {
        public uint Type;
        public uint Count;
        public ulong* Instructions;
        public byte* License;
        public uint LogLevel;
        public uint LogSize;
        public void* LogBuffer;
        public uint KernelVersion;
        public uint Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct AttachAttributes
    {
        public int Target;
        public int Program;
        public uint Type;
        public uint Flags;
        public int Replaced;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct QueryAttributes
    {
        public uint Target;
        public uint Type;
        public uint QueryFlags;
        public uint AttachFlags;
        public uint* Ids;
        public uint Count;
        public uint Padding;
    }
}
