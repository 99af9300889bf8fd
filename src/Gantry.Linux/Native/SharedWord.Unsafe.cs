using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>One number in memory that this process and its clones share (mmap(2) with MAP_SHARED). Starts as 0.</summary>
public sealed unsafe partial class SharedWord : IDisposable
{
    private const int PROT_READ_WRITE = 3;
    private const int MAP_SHARED_ANONYMOUS = 0x21;
    private const nuint PageSize = 4096;

    private int* _word;

    /// <summary>Maps it.</summary>
    public SharedWord()
    {
        var address = mmap(0, PageSize, PROT_READ_WRITE, MAP_SHARED_ANONYMOUS, -1, 0);
        if (address == -1)
        {
            throw new LinuxException("mmap", null, Marshal.GetLastPInvokeError());
        }
        _word = (int*)address;
    }

    /// <summary>Read and written without a system call.</summary>
    public int Value
    {
        get => Volatile.Read(ref *_word);
        set => Volatile.Write(ref *_word, value);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_word is not null)
        {
            _ = munmap((nint)_word, PageSize);
            _word = null;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nuint length);
}
