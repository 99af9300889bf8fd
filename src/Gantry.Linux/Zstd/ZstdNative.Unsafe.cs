using System.Runtime.InteropServices;

namespace Gantry.Linux.Zstd;

/// <summary>The streaming part of zstd.h.</summary>
internal static unsafe partial class ZstdNative
{
    private const string Library = "libzstd.so.1";

    [LibraryImport(Library, EntryPoint = "ZSTD_createDStream")]
    public static partial nint CreateDecompressor();

    [LibraryImport(Library, EntryPoint = "ZSTD_freeDStream")]
    public static partial nuint FreeDecompressor(nint stream);

    /// <summary>
    /// Decompresses as much as fits; returns zero at a frame's end, an error code, or a hint. The counts say what was consumed
    /// and produced.
    /// </summary>
    public static nuint Decompress(nint stream, Span<byte> output, ReadOnlySpan<byte> input, out int produced, out int consumed)
    {
        fixed (byte* outPointer = output, inPointer = input)
        {
            Buffer to = new() { Pointer = outPointer, Size = (nuint)output.Length };
            Buffer from = new() { Pointer = inPointer, Size = (nuint)input.Length };
            var result = DecompressStream(stream, &to, &from);
            (produced, consumed) = ((int)to.Position, (int)from.Position);
            return result;
        }
    }

    public static bool IsError(nuint code) => IsErrorCode(code) != 0;

    public static string ErrorName(nuint code) => Marshal.PtrToStringUTF8(GetErrorName(code)) ?? "unknown error";

    [LibraryImport(Library, EntryPoint = "ZSTD_decompressStream")]
    private static partial nuint DecompressStream(nint stream, Buffer* output, Buffer* input);

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    private static partial uint IsErrorCode(nuint code);

    [LibraryImport(Library, EntryPoint = "ZSTD_getErrorName")]
    private static partial nint GetErrorName(nuint code);

    // ZSTD_inBuffer and ZSTD_outBuffer have the same layout.
    [StructLayout(LayoutKind.Sequential)]
    private struct Buffer
    {
        public byte* Pointer;
        public nuint Size;
        public nuint Position;
    }
}
