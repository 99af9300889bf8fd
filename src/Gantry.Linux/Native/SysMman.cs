using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/mman.h: memory files.</summary>
public static partial class SysMman
{
#pragma warning disable CS1591 // native names, documented in mmap(2)
    public const int PROT_NONE = 0;
    public const int PROT_READ = 1;
    public const int PROT_WRITE = 2;
    public const int MAP_SHARED = 1;
    public const int MAP_PRIVATE = 2;
    public const int MAP_ANONYMOUS = 0x20;
    public const int MAP_STACK = 0x20000;
#pragma warning restore CS1591

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

    /// <summary>mmap(2) of memory without a file.</summary>
    public static nint Map(nuint length, int protection, int flags)
    {
        var address = mmap(0, length, protection, flags | MAP_ANONYMOUS, -1, 0);
        return address != -1 ? address : throw new LinuxException("mmap", null, Marshal.GetLastPInvokeError());
    }

    /// <summary>mprotect(2).</summary>
    public static void Protect(nint address, nuint length, int protection) =>
        LinuxException.Check(mprotect(address, length, protection), "mprotect");

    /// <summary>munmap(2).</summary>
    public static void Unmap(nint address, nuint length) => _ = munmap(address, length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mprotect(nint address, nuint length, int protection);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nuint length);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);
}
