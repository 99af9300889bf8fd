using System.Runtime.InteropServices;
using System.Text;
using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Linux.Cgroups;

/// <summary>Reads and writes the small files of cgroup directories with single system calls.</summary>
internal static class CgroupFiles
{
    /// <summary>Tries at rmdir: the kernel frees a group's last task some time after it was reaped.</summary>
    private const int RemoveAttempts = 200;
    private const int RemoveWaitMs = 10;

    public static void Write(string directory, string file, string value)
    {
        var errno = TryWrite(directory, file, value);
        if (errno != 0)
        {
            throw new LinuxException($"write {value} to", $"{directory}/{file}", errno);
        }
    }

    /// <summary>0, or the errno.</summary>
    public static int TryWrite(string directory, string file, string value)
    {
        var number = Fcntl.TryOpen($"{directory}/{file}", Fcntl.O_WRONLY);
        if (number < 0)
        {
            return Marshal.GetLastPInvokeError();
        }
        using var descriptor = new FileDescriptor(number);
        Span<byte> buffer = stackalloc byte[Math.Min(512, value.Length * 3)];
        var bytes = value.Length * 3 <= 512
            ? buffer[..Encoding.UTF8.GetBytes(value, buffer)]
            : Encoding.UTF8.GetBytes(value);
        try
        {
            return Unistd.Write(number, bytes) < 0 ? Errno.EAGAIN : 0;
        }
        catch (LinuxException e)
        {
            return e.ErrorNumber;
        }
    }

    public static bool Exists(string path) => SysStat.TryStatus(Fcntl.AT_FDCWD, path, true, out _) == 0;

    /// <summary>The file's text; null when the file or its group is not there.</summary>
    public static string? TryRead(string directory, string file)
    {
        var number = Fcntl.TryOpen($"{directory}/{file}", Fcntl.O_RDONLY);
        if (number < 0)
        {
            return null;
        }
        using var descriptor = new FileDescriptor(number);
        var buffer = new byte[512];
        var length = 0;
        try
        {
            int count;
            while ((count = Unistd.Read(number, buffer.AsSpan(length))) > 0)
            {
                length += count;
                if (length == buffer.Length)
                {
                    Array.Resize(ref buffer, buffer.Length * 2);
                }
            }
        }
        catch (LinuxException e) when (e.ErrorNumber is Errno.ENODEV or Errno.EOPNOTSUPP)
        {
            return null; // removed while it was read, or a file of a threaded group
        }
        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    public static ulong ReadNumber(string directory, string file)
    {
        var text = (TryRead(directory, file) ?? "").AsSpan().Trim();
        return text is "max" ? ulong.MaxValue : ulong.TryParse(text, out var value) ? value : 0;
    }

    /// <summary>"mlx5_1 hca_handle=3 hca_object=max" of rdma.max.</summary>
    public static string RdmaLimit(string device, uint? handles, uint? objects) =>
        $"{device} hca_handle={handles?.ToString() ?? "max"} hca_object={objects?.ToString() ?? "max"}";

    /// <summary>The page sizes, as 2MB, of which a group has a file "hugetlb.SIZE" with an ending.</summary>
    public static IEnumerable<string> HugePageSizes(string directory, string ending) =>
        directory.Length == 0 || !Directory.Exists(directory)
            ? []
            : Directory.GetFiles(directory, "hugetlb.*" + ending)
                .Select(path => Path.GetFileName(path)["hugetlb.".Length..^ending.Length])
                .Where(static size => !size.Contains('.'));

    /// <summary>Refuses limits of memory and of both together that contradict each other.</summary>
    public static void CheckSwap(long? limit, long? both)
    {
        if (both is > 0 && limit == -1)
        {
            throw new FaultException(
                FaultKind.InvalidArgument, $"limit of memory and swap {both}: unable to set it without a memory limit");
        }
        if (both is > 0 && limit is > 0 && both < limit)
        {
            throw new FaultException(
                FaultKind.InvalidArgument,
                $"limit of memory and swap {both}: must not be below the memory limit {limit}; it counts both together");
        }
    }

    /// <summary>Refuses a memory limit below what is in use.</summary>
    public static void CheckUsage(long limit, ulong usage)
    {
        if ((ulong)limit < usage)
        {
            throw BelowUsage(limit, usage);
        }
    }

    public static FaultException BelowUsage(long limit, ulong usage) => new(
        FaultKind.Conflict, $"memory limit {limit}: below the {usage} bytes in use; rejecting it, as the processes would be killed");

    /// <summary>Lines of "key number".</summary>
    public static Dictionary<string, ulong> ReadTable(string directory, string file)
    {
        var table = new Dictionary<string, ulong>();
        foreach (var line in (TryRead(directory, file) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var space = line.LastIndexOf(' ');
            if (space > 0 && ulong.TryParse(line.AsSpan(space + 1), out var value))
            {
                table[line[..space]] = value;
            }
        }
        return table;
    }

    public static void ReadProcessIds(string directory, List<int> into)
    {
        foreach (var line in (TryRead(directory, "cgroup.procs") ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // 0 is a process of a pid namespace that is not visible here.
            if (int.TryParse(line, out var pid) && pid > 0)
            {
                into.Add(pid);
            }
        }
        foreach (var child in Children(directory))
        {
            ReadProcessIds(child, into);
        }
    }

    /// <summary>The groups below a group.</summary>
    public static IReadOnlyList<string> Children(string directory)
    {
        // A group without groups below it, which is nearly every one, has exactly two links.
        if (SysStat.TryStatus(Fcntl.AT_FDCWD, directory, true, out var status) != 0 || status.Links == 2)
        {
            return [];
        }
        try
        {
            return Directory.GetDirectories(directory);
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    /// <summary>Creates a directory and its missing parents; false when it was there.</summary>
    public static bool MakeDirectories(string directory)
    {
        var errno = SysStat.TryMakeDirectory(Fcntl.AT_FDCWD, directory, 0x1ED);
        if (errno == Errno.ENOENT)
        {
            MakeDirectories(directory[..directory.LastIndexOf('/')]);
            errno = SysStat.TryMakeDirectory(Fcntl.AT_FDCWD, directory, 0x1ED);
        }
        return errno is 0 or Errno.EEXIST ? errno == 0 : throw new LinuxException("mkdir", directory, errno);
    }

    /// <summary>Removes a group and those below it; what still runs in it is killed by <paramref name="kill"/>.</summary>
    public static void RemoveTree(string directory, Action kill)
    {
        for (var attempt = 0; ; attempt++)
        {
            var errno = Unistd.TryRemoveDirectory(directory);
            if (errno is 0 or Errno.ENOENT)
            {
                return;
            }
            if (errno != Errno.EBUSY || attempt == RemoveAttempts)
            {
                throw new LinuxException("rmdir", directory, errno);
            }
            foreach (var child in Children(directory))
            {
                RemoveTree(child, kill);
            }
            kill();
            if (attempt > 0)
            {
                Poll.Wait([], attempt < 5 ? 1 : RemoveWaitMs);
            }
        }
    }
}
