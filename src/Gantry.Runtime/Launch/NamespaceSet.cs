using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>
/// The namespaces of a process to come: those that clone(2) makes, those that the process makes once it is there, and those
/// to join, opened before the clone.
/// </summary>
internal sealed class NamespaceSet : IDisposable
{
    /// <summary>In the order of joining: mounts last, since they hide the host.</summary>
    private static readonly (string Type, ulong Flag, string File)[] Types =
    [
        ("user", Sched.CLONE_NEWUSER, "user"), ("ipc", Sched.CLONE_NEWIPC, "ipc"), ("uts", Sched.CLONE_NEWUTS, "uts"),
        ("network", Sched.CLONE_NEWNET, "net"), ("pid", Sched.CLONE_NEWPID, "pid"),
        ("cgroup", Sched.CLONE_NEWCGROUP, "cgroup"), ("time", Sched.CLONE_NEWTIME, "time"),
        ("mount", Sched.CLONE_NEWNS, "mnt"),
    ];

    private const ulong AllButUserAndTime =
        Sched.CLONE_NEWIPC | Sched.CLONE_NEWUTS | Sched.CLONE_NEWNET | Sched.CLONE_NEWPID | Sched.CLONE_NEWCGROUP | Sched.CLONE_NEWNS;

    /// <summary>A namespace's file with its flag, or a process with several.</summary>
    private readonly List<(FileDescriptor File, ulong Flags, string Path)> _joined = [];
    private ulong _done;

    private NamespaceSet()
    {
    }

    /// <summary>
    /// Flags of the namespaces that clone(2) makes: not cgroup, which is made once the process is in its group, nor time,
    /// whose flag is a signal's number to clone(2).
    /// </summary>
    public ulong CloneFlags { get; private set; }

    public bool NewCgroup { get; private set; }

    public bool NewTime { get; private set; }

    /// <summary>True when the process changes into a user namespace.</summary>
    public bool ChangesUser => Makes(Sched.CLONE_NEWUSER) || Joins(Sched.CLONE_NEWUSER);

    /// <summary>
    /// True when a process between this one and the one to come has to change namespaces: setns(2) refuses a user namespace
    /// to a process with threads, a new user namespace takes away the right to join those of the host, and a pid namespace
    /// would be this process's for all its further children.
    /// </summary>
    public bool NeedsStep =>
        Joins(Sched.CLONE_NEWUSER) || Joins(Sched.CLONE_NEWPID) || (Makes(Sched.CLONE_NEWUSER) && _joined.Count > 0);

    public bool Makes(ulong flag) => (CloneFlags & flag) != 0;

    /// <summary>True when one of the flags' namespaces is joined.</summary>
    public bool Joins(ulong flags) => _joined.Exists(item => (item.Flags & flags) != 0);

    /// <summary>The namespace of a kind that is joined; null when none is.</summary>
    public FileDescriptor? Joined(ulong flag) => _joined.Find(item => item.Flags == flag).File;

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
                continue;
            }
            set.NewCgroup |= flag == Sched.CLONE_NEWCGROUP;
            set.NewTime |= flag == Sched.CLONE_NEWTIME;
            set.CloneFlags |= flag is Sched.CLONE_NEWCGROUP or Sched.CLONE_NEWTIME ? 0 : flag;
        }
        return set;
    }

    /// <summary>Every namespace of a running process that is not this process's own.</summary>
    public static NamespaceSet OfProcess(int pid, bool asHostRoot)
    {
        var set = new NamespaceSet();
        if (asHostRoot && !IsForeign(pid, "user") && !IsForeign(pid, "time"))
        {
            // The others at once, by the process itself: to join one's own, too, is allowed to the host's root, and no change.
            set._joined.Add((Sched.OpenProcess(pid), AllButUserAndTime, $"{pid}"));
            return set;
        }
        foreach (var (type, flag, file) in Types)
        {
            if (IsForeign(pid, file))
            {
                var path = $"/proc/{pid}/ns/{file}";
                set._joined.Add((OpenFile(path, type), flag, path));
            }
        }
        return set;
    }

    private static bool IsForeign(int pid, string file) =>
        // A kernel without this type has no file.
        SysStat.TryStatus(Fcntl.AT_FDCWD, $"/proc/{pid}/ns/{file}", true, out var theirs) == 0
        && (SysStat.TryStatus(Fcntl.AT_FDCWD, $"/proc/self/ns/{file}", true, out var ours) != 0 || ours.Inode != theirs.Inode);

    /// <summary>
    /// In the process between: joins what the host's rights are good for, then the user namespace, then the pid namespace if
    /// it takes the rights of that. What is left is joined by <see cref="Join"/>.
    /// </summary>
    public void JoinAsStep()
    {
        foreach (var (file, flag, path) in _joined)
        {
            if (flag != Sched.CLONE_NEWUSER && TryJoin(file, flag, path))
            {
                _done |= flag;
            }
        }
        foreach (var (file, flag, path) in _joined)
        {
            if (flag == Sched.CLONE_NEWUSER || (flag == Sched.CLONE_NEWPID && (_done & flag) == 0))
            {
                Sched.SetNamespace(file.Number, flag, path);
                _done |= flag;
            }
        }
    }

    /// <summary>In the parent of an exec, before the clone: setns(2) changes the pid namespace for children only.</summary>
    public void JoinPid()
    {
        foreach (var (file, flags, path) in _joined)
        {
            if ((flags & Sched.CLONE_NEWPID) != 0)
            {
                Sched.SetNamespace(file.Number, Sched.CLONE_NEWPID, path);
                _done |= Sched.CLONE_NEWPID;
            }
        }
    }

    /// <summary>In the process itself.</summary>
    public void Join()
    {
        foreach (var (file, flags, path) in _joined)
        {
            if ((flags & ~_done) != 0)
            {
                Sched.SetNamespace(file.Number, flags & ~_done, path);
            }
        }
    }

    /// <summary>
    /// In the process itself: makes the time namespace, whose offsets can be set as long as no process is in it, and enters
    /// it. <paramref name="offsetFile"/> is /proc/self/timens_offsets, opened while the process was its owner.
    /// </summary>
    public static void MakeTime(FileDescriptor offsetFile, Dictionary<string, TimeOffsetSpec>? offsets)
    {
        const string path = "/proc/self/ns/time_for_children";
        Sched.Unshare(Sched.CLONE_NEWTIME);
        foreach (var (clock, offset) in offsets ?? [])
        {
            var line = System.Text.Encoding.ASCII.GetBytes($"{clock} {offset.Secs} {offset.Nanosecs}\n");
            Unistd.WriteAll(offsetFile.Number, line, $"linux.timeOffsets.{clock} to /proc/self/timens_offsets");
        }
        using var file = Fcntl.Open(path, Fcntl.O_RDONLY);
        Sched.SetNamespace(file.Number, Sched.CLONE_NEWTIME, path);
    }

    public void Dispose()
    {
        foreach (var (file, _, _) in _joined)
        {
            file.Dispose();
        }
    }

    private static bool TryJoin(FileDescriptor file, ulong flag, string path)
    {
        try
        {
            Sched.SetNamespace(file.Number, flag, path);
            return true;
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EPERM)
        {
            return false; // it takes the rights that the user namespace gives
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
            throw new FaultException(
                e.Kind, $"join the {type} namespace: {e.Message}; linux.namespaces[].path must be a namespace's file", e);
        }
    }
}
