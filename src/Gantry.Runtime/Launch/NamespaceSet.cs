using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>
/// The namespaces of a process to come: those that clone(2) makes, and those to join, opened before the clone. The pid
/// namespace is joined by the parent, because setns(2) changes it for children only.
/// </summary>
internal sealed class NamespaceSet : IDisposable
{
    /// <summary>In the order of joining: the user namespace gives the rights for the others, mounts hide the host last.</summary>
    private static readonly (string Type, ulong Flag, string File)[] Types =
    [
        ("user", Sched.CLONE_NEWUSER, "user"), ("ipc", Sched.CLONE_NEWIPC, "ipc"), ("uts", Sched.CLONE_NEWUTS, "uts"),
        ("network", Sched.CLONE_NEWNET, "net"), ("pid", Sched.CLONE_NEWPID, "pid"),
        ("cgroup", Sched.CLONE_NEWCGROUP, "cgroup"), ("time", Sched.CLONE_NEWTIME, "time"),
        ("mount", Sched.CLONE_NEWNS, "mnt"),
    ];

    private readonly List<(FileDescriptor File, ulong Flag, string Path)> _joined = [];

    private NamespaceSet()
    {
    }

    /// <summary>Flags of the namespaces to make, but for cgroup, which is made once the process is in its group.</summary>
    public ulong CloneFlags { get; private set; }

    public bool NewCgroup { get; private set; }

    public bool Makes(ulong flag) => (CloneFlags & flag) != 0;

    public bool Joins(ulong flag) => _joined.Any(item => item.Flag == flag);

    /// <summary>The namespaces of a configuration.</summary>
    public static NamespaceSet Open(IEnumerable<NamespaceSpec> namespaces)
    {
        var set = new NamespaceSet();
        var wanted = namespaces.ToDictionary(static item => item.Type);
        foreach (var (type, flag, _) in Types)
        {
            if (!wanted.TryGetValue(type, out var item))
            {
                continue;
            }
            if (!string.IsNullOrEmpty(item.Path))
            {
                set._joined.Add((OpenFile(item.Path, type), flag, item.Path));
            }
            else if (flag == Sched.CLONE_NEWCGROUP)
            {
                set.NewCgroup = true;
            }
            else
            {
                set.CloneFlags |= flag;
            }
        }
        return set;
    }

    /// <summary>Every namespace of a running process that is not this process's own.</summary>
    public static NamespaceSet OfProcess(int pid)
    {
        var set = new NamespaceSet();
        foreach (var (type, flag, file) in Types)
        {
            var path = $"/proc/{pid}/ns/{file}";
            if (SysStat.TryStatus(Fcntl.AT_FDCWD, path, true, out var theirs) != 0)
            {
                continue; // a kernel without this type
            }
            if (SysStat.TryStatus(Fcntl.AT_FDCWD, $"/proc/self/ns/{file}", true, out var ours) != 0
                || ours.Inode != theirs.Inode)
            {
                set._joined.Add((OpenFile(path, type), flag, path));
            }
        }
        return set;
    }

    /// <summary>In the parent, before the clone.</summary>
    public void JoinPid()
    {
        foreach (var (file, flag, path) in _joined)
        {
            if (flag == Sched.CLONE_NEWPID)
            {
                Sched.SetNamespace(file.Number, flag, path);
            }
        }
    }

    /// <summary>In the child.</summary>
    public void Join()
    {
        foreach (var (file, flag, path) in _joined)
        {
            if (flag != Sched.CLONE_NEWPID)
            {
                Sched.SetNamespace(file.Number, flag, path);
            }
        }
    }

    public void Dispose()
    {
        foreach (var (file, _, _) in _joined)
        {
            file.Dispose();
        }
    }

    private static FileDescriptor OpenFile(string path, string type)
    {
        try
        {
            return Fcntl.Open(path, Fcntl.O_RDONLY);
        }
        catch (LinuxException e)
        {
            throw new FaultException(e.Kind, $"join the {type} namespace: {e.Message}", e);
        }
    }
}
