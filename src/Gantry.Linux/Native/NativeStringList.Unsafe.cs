using System.Runtime.InteropServices;
using System.Text;

namespace Gantry.Linux.Native;

/// <summary>A null-terminated array of C strings, as execve(2) takes it.</summary>
internal sealed unsafe class NativeStringList : IDisposable
{
    private byte* _text;

    public NativeStringList(IReadOnlyList<string> values)
    {
        var size = 0;
        for (var i = 0; i < values.Count; i++)
        {
            size += Encoding.UTF8.GetByteCount(values[i]) + 1;
        }
        Pointer = (byte**)NativeMemory.Alloc((nuint)(values.Count + 1), (nuint)sizeof(byte*));
        _text = (byte*)NativeMemory.Alloc((nuint)Math.Max(size, 1));
        var next = _text;
        for (var i = 0; i < values.Count; i++)
        {
            Pointer[i] = next;
            next += Encoding.UTF8.GetBytes(values[i], new Span<byte>(next, size - (int)(next - _text)));
            *next++ = 0;
        }
        Pointer[values.Count] = null;
    }

    public byte** Pointer { get; private set; }

    public void Dispose()
    {
        NativeMemory.Free(Pointer);
        NativeMemory.Free(_text);
        Pointer = null;
        _text = null;
    }
}
