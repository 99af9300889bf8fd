using System.Runtime.InteropServices;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.State;

/// <summary>Whole small files by plain system calls: cheaper at start-up than the class library's streams.</summary>
internal static class SmallFile
{
    private const int MinBuffer = 1024;
    private const int MaxGuess = 1 << 20;

    /// <summary>The file's bytes, or null when it does not exist.</summary>
    public static byte[]? TryRead(string path)
    {
        var number = Fcntl.TryOpen(path, Fcntl.O_RDONLY);
        if (number < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            return errno is Errno.ENOENT or Errno.ENOTDIR ? null : throw new LinuxException("open", path, errno);
        }
        using var file = new FileDescriptor(number);
        // One byte more, which the end is found with. A file of procfs has no size.
        return ReadToEnd(number, (int)Math.Min(SysStat.Status(number).Size, MaxGuess) + 1);
    }

    public static byte[] ReadToEnd(int descriptor, int expected = 0)
    {
        var buffer = new byte[Math.Max(expected, MinBuffer)];
        var length = 0;
        int count;
        while ((count = Unistd.Read(descriptor, buffer.AsSpan(length))) > 0)
        {
            length += count;
            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }
        }
        return buffer[..length];
    }

    public static void Write(string path, ReadOnlySpan<byte> data, uint mode = 0x180, bool durable = false)
    {
        using var file = Fcntl.Open(path, Fcntl.O_WRONLY | Fcntl.O_CREAT | Fcntl.O_TRUNC, mode);
        Unistd.WriteAll(file.Number, data, path);
        if (durable)
        {
            Unistd.Sync(file.Number);
        }
    }

    /// <summary>Writes beside the path and renames, so that a reader sees all or nothing, and a power cut too.</summary>
    public static void WriteDurable(string directory, string name, ReadOnlySpan<byte> data)
    {
        // A monitor that ends and the clean-up after it may write the same file at the same moment: each has a name of its own.
        var temporary = $"{directory}/{name}.{Unistd.ProcessId()}.new";
        Write(temporary, data, durable: true);
        Unistd.Rename(temporary, $"{directory}/{name}");
        using var parent = Fcntl.Open(directory, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
        Unistd.Sync(parent.Number);
    }
}
