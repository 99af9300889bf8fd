namespace Gantry.Linux.Native;

/// <summary>One number in memory that this process and its clones share (mmap(2) with MAP_SHARED). Starts as 0.</summary>
public sealed unsafe class SharedWord : IDisposable
{
    private const nuint PageSize = 4096;

    private int* _word;

    /// <summary>Maps it.</summary>
    public SharedWord() =>
        _word = (int*)SysMman.Map(PageSize, SysMman.PROT_READ | SysMman.PROT_WRITE, SysMman.MAP_SHARED);

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
            SysMman.Unmap((nint)_word, PageSize);
            _word = null;
        }
    }
}
