using System.Buffers.Binary;
using Gantry.Linux.Native;
using Lib = Gantry.Linux.Native.Seccomp;

namespace Gantry.Linux.Seccomp;

/// <summary>
/// What a filter that answers with an error says to system calls that are newer than itself: ENOSYS, as a kernel without them, so
/// that C libraries fall back to older ones. A call counts as newer when its number is above those of all calls that the profile
/// names. The same as runc's.
/// </summary>
internal static class UnknownCalls
{
    private const uint X86_64 = 0xc000003e; // AUDIT_ARCH_X86_64
    private const uint X32 = 0x4000003e; // SCMP_ARCH_X32; to the kernel it is x86_64
    private const uint X32Bit = 0x40000000; // __X32_SYSCALL_BIT

    // linux/bpf_common.h and linux/filter.h
    private const ushort LoadWord = 0x20; // BPF_LD | BPF_W | BPF_ABS
    private const ushort Jump = 0x05; // BPF_JMP | BPF_JA
    private const ushort JumpEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    private const ushort JumpGreater = 0x25; // BPF_JMP | BPF_JGT | BPF_K
    private const ushort JumpBits = 0x45; // BPF_JMP | BPF_JSET | BPF_K
    private const ushort Return = 0x06; // BPF_RET | BPF_K

    // struct seccomp_data
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;

    /// <summary>Instructions that come before the filter's own, and end where those begin.</summary>
    public static byte[] Stub(IReadOnlyList<string> architectures, IReadOnlyList<SeccompRule> rules)
    {
        var newest = Newest(architectures, rules);
        if (newest.Count == 0)
        {
            return [];
        }
        List<(ushort Code, byte True, byte False, uint Value)> code = [(LoadWord, 0, 0, ArchitectureOffset)];
        List<int> exits = [];
        foreach (var (architecture, number) in newest)
        {
            if (architecture == X32)
            {
                continue; // with x86_64
            }
            var start = code.Count;
            code.Add(default);
            code.Add((LoadWord, 0, 0, NumberOffset));
            if (architecture == X86_64)
            {
                // To the calls of x32 where the bit is set: those after these three.
                code.Add((JumpBits, 3, 0, X32Bit));
            }
            Section(number);
            if (architecture == X86_64)
            {
                Section(newest.GetValueOrDefault(X32, uint.MaxValue));
            }
            code[start] = (JumpEqual, 0, (byte)(code.Count - start - 1), architecture);
        }
        foreach (var exit in exits)
        {
            code[exit] = (Jump, 0, 0, (uint)(code.Count - exit - 1));
        }
        return Assemble(code);

        void Section(uint number)
        {
            code.Add((JumpGreater, 0, 1, number));
            code.Add((Return, 0, 0, Lib.SCMP_ACT_ERRNO | Errno.ENOSYS));
            exits.Add(code.Count);
            code.Add(default);
        }
    }

    /// <summary>The highest number that the profile names, by architecture; the native one always belongs to them.</summary>
    private static SortedDictionary<uint, uint> Newest(IReadOnlyList<string> architectures, IReadOnlyList<SeccompRule> rules)
    {
        var newest = new SortedDictionary<uint, uint>();
        foreach (var architecture in architectures.Select(SeccompProgram.ArchitectureOf).Append(Lib.seccomp_arch_native()).Distinct())
        {
            var highest = -1;
            foreach (var name in rules.SelectMany(static rule => rule.Syscalls))
            {
                // Below 0: unknown to the library, or none of this architecture's.
                highest = Math.Max(highest, Lib.seccomp_syscall_resolve_name_arch(architecture, name));
            }
            if (highest >= 0)
            {
                newest[architecture] = (uint)highest;
            }
        }
        return newest;
    }

    /// <summary>struct sock_filter.</summary>
    private static byte[] Assemble(List<(ushort Code, byte True, byte False, uint Value)> code)
    {
        const int Size = 8;
        var bytes = new byte[code.Count * Size];
        for (var i = 0; i < code.Count; i++)
        {
            var at = bytes.AsSpan(i * Size, Size);
            BinaryPrimitives.WriteUInt16LittleEndian(at, code[i].Code);
            at[2] = code[i].True;
            at[3] = code[i].False;
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], code[i].Value);
        }
        return bytes;
    }
}
