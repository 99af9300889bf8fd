using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/mman.h: memory files.</summary>
public static partial class SysMman
{
    private const uint MFD_CLOEXEC = 1;
    private const uint MFD_ALLOW_SEALING = 2;
    private const uint MFD_EXEC = 16;
    private const int CopyChunk = 256 * 1024;
    private const int AllSeals = 0xf; // F_SEAL_SEAL | SHRINK | GROW | WRITE

    /// <summary>A sealed memory file with a copy of an executable; nobody can write to it any more.</summary>
    public static FileDescriptor CopyExecutable(string path, string name)
    {
        using var source = Fcntl.Open(path, Fcntl.O_RDONLY);
        var size = (long)SysStat.Status(source.Number).Size;
        var number = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
        if (number < 0)
        {
            // MFD_EXEC came with Linux 6.3; before it every memory file is executable.
            number = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        }
        var copy = new FileDescriptor(LinuxException.Check(number, "memfd_create", name));
        // Read and written: after sendfile(2) the pages may still be held by its pipe, and sealing then says EBUSY.
        var buffer = new byte[Math.Min(size, CopyChunk)];
        int count;
        while ((count = Unistd.Read(source.Number, buffer)) > 0)
        {
            Unistd.WriteAll(number, buffer.AsSpan(0, count), name);
        }
        Fcntl.AddSeals(number, AllSeals);
        return copy;
    }

    /// <summary>memfd_create(2): an empty memory file.</summary>
    public static FileDescriptor CreateFile(string name) =>
        new(LinuxException.Check(memfd_create(name, MFD_CLOEXEC), "memfd_create", name));

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);
}
