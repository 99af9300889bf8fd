using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Launch;

/// <summary>linux.intelRdt: a class of service of the resctrl file system (Documentation/filesystems/resctrl.rst).</summary>
internal static class IntelRdt
{
    private const string Mount = "/sys/fs/resctrl";

    public static bool IsMounted => SysStat.TryStatus(Fcntl.AT_FDCWD, $"{Mount}/schemata", true, out _) == 0;

    public static void Check(IntelRdtSpec? spec, List<string> errors)
    {
        if (spec is null)
        {
            return;
        }
        if (!IsMounted)
        {
            errors.Add($"linux.intelRdt: resctrl is not mounted on {Mount}; mount it, on a processor that has it, or remove the field");
        }
        if (spec.ClosID is { } id && (id is "" or "." or ".." || (id.Length > 1 && id.Contains('/')) || id.Contains('\n')))
        {
            errors.Add($"linux.intelRdt.closID: \"{id}\" must be the name of one directory, or / for the root's class");
        }
        foreach (var line in Lines(spec))
        {
            if (line.Contains('\n'))
            {
                errors.Add("linux.intelRdt: a schema is one line");
            }
        }
    }

    /// <summary>Puts a process into its class, which is made unless it exists, and writes the schemata.</summary>
    public static void Apply(IntelRdtSpec? spec, string containerId, int pid)
    {
        if (spec is null)
        {
            return;
        }
        var name = spec.ClosID ?? containerId;
        var directory = name == "/" ? Mount : $"{Mount}/{name}";
        var errno = name == "/" ? Errno.EEXIST : SysStat.TryMakeDirectory(Fcntl.AT_FDCWD, directory, 0x1ED);
        if (errno is not (0 or Errno.EEXIST))
        {
            throw new LinuxException("mkdir", directory, errno);
        }
        var made = errno == 0;
        try
        {
            if (made && spec.ClosID is not null && !Lines(spec).Any())
            {
                throw new FaultException(
                    FaultKind.NotFound, $"linux.intelRdt.closID {name}: {directory} does not exist, and there is no schema to make it with");
            }
            foreach (var line in Lines(spec))
            {
                SmallFile.Write($"{directory}/schemata", Encoding.ASCII.GetBytes(line + "\n"));
            }
            SmallFile.Write($"{directory}/tasks", Encoding.ASCII.GetBytes($"{pid}"));
            if (spec.EnableMonitoring || spec.EnableCMT || spec.EnableMBM)
            {
                Monitor(directory, containerId, pid);
            }
        }
        catch
        {
            Unistd.TryRemoveDirectory(made ? directory : "");
            throw;
        }
    }

    /// <summary>Changes the schemata of a container's class.</summary>
    public static void Update(IntelRdtSpec? spec, string containerId, IEnumerable<string?> schemata)
    {
        if (!IsMounted)
        {
            throw new FaultException(
                FaultKind.FailedPrecondition,
                $"--l3-cache-schema, --mem-bw-schema: resctrl is not mounted on {Mount}; mount it, on a processor that has it");
        }
        if (spec is null)
        {
            throw new FaultException(
                FaultKind.FailedPrecondition,
                "--l3-cache-schema, --mem-bw-schema: the container was created without linux.intelRdt, and has no class to change");
        }
        var name = spec.ClosID ?? containerId;
        foreach (var line in schemata.OfType<string>().Where(static line => line.Length > 0))
        {
            SmallFile.Write(name == "/" ? $"{Mount}/schemata" : $"{Mount}/{name}/schemata", Encoding.ASCII.GetBytes(line + "\n"));
        }
    }

    /// <summary>Removes a container's own class and monitoring groups. A class that was given by name is its maker's.</summary>
    public static void Remove(string containerId)
    {
        if (!IsMounted)
        {
            return;
        }
        foreach (var directory in Directory.GetDirectories(Mount).Prepend(Mount))
        {
            Unistd.TryRemoveDirectory($"{directory}/mon_groups/{containerId}");
        }
        if (containerId is not ("info" or "mon_groups" or "mon_data"))
        {
            Unistd.TryRemoveDirectory($"{Mount}/{containerId}");
        }
    }

    private static void Monitor(string directory, string containerId, int pid)
    {
        var group = $"{directory}/mon_groups/{containerId}";
        var errno = SysStat.TryMakeDirectory(Fcntl.AT_FDCWD, group, 0x1ED);
        if (errno is not (0 or Errno.EEXIST))
        {
            throw new LinuxException("mkdir", group, errno);
        }
        SmallFile.Write($"{group}/tasks", Encoding.ASCII.GetBytes($"{pid}"));
    }

    private static IEnumerable<string> Lines(IntelRdtSpec spec) =>
        new[] { spec.L3CacheSchema, spec.MemBwSchema }.OfType<string>().Where(static line => line.Length > 0)
            .Concat(spec.Schemata ?? []);
}
