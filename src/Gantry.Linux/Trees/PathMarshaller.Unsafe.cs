using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;

namespace Gantry.Linux.Trees;

/// <summary>Hands a path to the kernel as its bytes, by the rule of <see cref="PathText"/>.</summary>
[CustomMarshaller(typeof(string), MarshalMode.ManagedToUnmanagedIn, typeof(ManagedToUnmanagedIn))]
internal static unsafe class PathMarshaller
{
    public ref struct ManagedToUnmanagedIn
    {
        private byte* _allocated;
        private Span<byte> _bytes;

        public static int BufferSize => 512;

        public void FromManaged(string path, Span<byte> buffer)
        {
            var size = PathText.GetMaxByteCount(path) + 1;
            if (size > buffer.Length)
            {
                _allocated = (byte*)NativeMemory.Alloc((nuint)size);
                buffer = new Span<byte>(_allocated, size);
            }
            buffer[PathText.Encode(path, buffer)] = 0;
            _bytes = buffer;
        }

        public ref byte GetPinnableReference() => ref MemoryMarshal.GetReference(_bytes);

        public byte* ToUnmanaged() => (byte*)Unsafe.AsPointer(ref GetPinnableReference());

        public void Free() => NativeMemory.Free(_allocated);
    }
}
