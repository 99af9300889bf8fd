using System.Buffers.Binary;

namespace Gantry.Linux.Seccomp;

/// <summary>struct sock_filter (linux/filter.h): one instruction of a classic BPF program.</summary>
internal readonly record struct FilterInstruction(ushort Code, byte WhenTrue, byte WhenFalse, uint Value)
{
#pragma warning disable CS1591 // BPF_LD | BPF_W | BPF_ABS and so on, as linux/bpf_common.h composes them
    public const ushort Load = 0x20;
    public const ushort Jump = 0x05;
    public const ushort JumpEqual = 0x15;
    public const ushort JumpGreater = 0x25;
    public const ushort JumpGreaterOrEqual = 0x35;
    public const ushort JumpSet = 0x45;
    public const ushort And = 0x54;
    public const ushort Return = 0x06;
#pragma warning restore CS1591

    public const int Size = 8;

    public bool IsTest => Code is JumpEqual or JumpGreater or JumpGreaterOrEqual or JumpSet;

    /// <summary>What a test says of a value.</summary>
    public bool Holds(uint value) => Code switch
    {
        JumpEqual => value == Value,
        JumpGreater => value > Value,
        JumpGreaterOrEqual => value >= Value,
        _ => (value & Value) != 0,
    };

    public static FilterInstruction[] Parse(ReadOnlySpan<byte> program)
    {
        var result = new FilterInstruction[program.Length / Size];
        for (var i = 0; i < result.Length; i++)
        {
            var bytes = program.Slice(i * Size, Size);
            result[i] = new FilterInstruction(
                BinaryPrimitives.ReadUInt16LittleEndian(bytes), bytes[2], bytes[3], BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]));
        }
        return result;
    }

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, Code);
        (bytes[2], bytes[3]) = (WhenTrue, WhenFalse);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], Value);
    }
}
