using System.Globalization;
using System.Runtime.InteropServices;

namespace Gantry.Kube.Node.Registration;

/// <summary>What the kernel and the distribution say about this machine.</summary>
internal sealed record MachineInfo(int Processors, long MemoryKiB, string MachineId, string SystemUuid, string BootId, string KernelVersion, string OsImage, string Architecture)
{
    public static MachineInfo Read() => new(
        Environment.ProcessorCount,
        MemoryTotal(),
        FirstLine("/etc/machine-id"),
        FirstLine("/sys/class/dmi/id/product_uuid"),
        FirstLine("/proc/sys/kernel/random/boot_id"),
        FirstLine("/proc/sys/kernel/osrelease"),
        PrettyName(),
        RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64 ? "amd64" : RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant());

    /// <summary>The size of the file system that holds a directory.</summary>
    public long DiskKiB(string directory)
    {
        Directory.CreateDirectory(directory);
        return new DriveInfo(directory).TotalSize / 1024;
    }

    private static long MemoryTotal()
    {
        var line = File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    private static string PrettyName()
    {
        const string Key = "PRETTY_NAME=";
        var line = File.Exists("/etc/os-release") ? File.ReadLines("/etc/os-release").FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal)) : null;
        return line is null ? "Linux" : line[Key.Length..].Trim('"');
    }

    private static string FirstLine(string path)
    {
        try
        {
            return File.ReadLines(path).FirstOrDefault()?.Trim() ?? "";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Not every machine has every identifier; the API's fields are then empty.
            return "";
        }
    }
}
