using System.Globalization;
using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Linux.Cgroups;

/// <summary>A control group on cgroup v1: one directory for each controller that the machine has.</summary>
internal sealed partial class LegacyControlGroup : IControlGroup
{
    /// <summary>The controllers that a container uses, in the order in which it joins them.</summary>
    private static readonly string[] Controllers =
        [
        "memory", "cpu", "cpuacct", "cpuset", "pids", "devices", "freezer", "blkio", "hugetlb", "net_cls", "net_prio",
        "perf_event", "rdma",
    ];

    private const int FreezeAttempts = 1000;

    /// <summary>Those that are mounted below <see cref="ControlGroup.DefaultMount"/>; asked for once by each process.</summary>
    private static string[]? s_mounted;

    private readonly string _mount;
    private readonly Dictionary<string, string> _directories = [];

    public LegacyControlGroup(string path, string mount)
    {
        Path = path;
        _mount = mount;
        foreach (var controller in mount == ControlGroup.DefaultMount ? s_mounted ??= Mounted(mount) : Mounted(mount))
        {
            _directories[controller] = $"{mount}/{controller}{path}";
        }
        if (_directories.Count == 0)
        {
            throw new FaultException(
                FaultKind.FailedPrecondition, $"{mount}: no cgroup controller is mounted; mount cgroup2 or the v1 controllers");
        }
    }

    // "cpu" may be a link to "cpu,cpuacct"; both names then lead to one directory.
    private static string[] Mounted(string mount) =>
        Array.FindAll(Controllers, controller => CgroupFiles.Exists($"{mount}/{controller}/cgroup.procs"));

    public string Path { get; }

    public int Version => 1;

    public IReadOnlyList<string> Directories => [.. _directories.Values];

    public string? FreezerDirectory => _directories.GetValueOrDefault("freezer");

    public bool Exists => CgroupFiles.Exists(AnyDirectory);

    public bool IsFrozen =>
        _directories.TryGetValue("freezer", out var directory)
        && CgroupFiles.TryRead(directory, "freezer.state")?.StartsWith("FRO", StringComparison.Ordinal) == true;

    private string AnyDirectory =>
        _directories.TryGetValue("devices", out var directory) ? directory : _directories.Values.First();

    public bool Create()
    {
        var isNew = false;
        foreach (var (controller, directory) in _directories)
        {
            isNew |= CgroupFiles.MakeDirectories(directory) && directory == AnyDirectory;
            if (controller == "cpuset")
            {
                CopyCpuset(directory);
            }
        }
        return isNew;
    }

    public void AddProcess(int pid)
    {
        var text = pid.ToString(CultureInfo.InvariantCulture);
        foreach (var directory in _directories.Values)
        {
            CgroupFiles.Write(directory, "cgroup.procs", text);
        }
    }

    public bool TryAddProcess(int pid)
    {
        AddProcess(pid);
        return true;
    }

    public void AddProcess(int pid, IReadOnlyDictionary<string, string> subgroups)
    {
        var text = pid.ToString(CultureInfo.InvariantCulture);
        foreach (var (controller, path) in subgroups)
        {
            if (controller.Length == 0)
            {
                throw new FaultException(
                    FaultKind.InvalidArgument, $"subgroup {path}: on cgroup v1 it needs its controllers, as cpu,memory:{path}");
            }
            _ = Require(controller, $"subgroup {path}");
        }
        foreach (var (controller, directory) in _directories)
        {
            var path = subgroups.TryGetValue(controller, out var below) && below.Length > 0 ? $"{directory}/{below}" : directory;
            CgroupFiles.Write(path, "cgroup.procs", text);
        }
    }

    public void Join()
    {
        foreach (var directory in _directories.Values)
        {
            // "0" is the caller. A thread that moves itself needs no lock over all processes; "cgroup.procs" takes it always.
            CgroupFiles.Write(directory, "tasks", "0");
        }
    }

    public IReadOnlyList<int> ProcessIds()
    {
        List<int> result = [];
        CgroupFiles.ReadProcessIds(AnyDirectory, result);
        return result;
    }

    public void SetFrozen(bool frozen)
    {
        var directory = Require("freezer", "freezing");
        var (state, prefix) = frozen ? ("FROZEN", "FRO") : ("THAWED", "THA");
        for (var attempt = 0; attempt < FreezeAttempts; attempt++)
        {
            // Written again each time: a task that forks while it freezes keeps the group in FREEZING (cgroup-v1 freezer).
            CgroupFiles.Write(directory, "freezer.state", state);
            if (CgroupFiles.TryRead(directory, "freezer.state")?.StartsWith(prefix, StringComparison.Ordinal) == true)
            {
                return;
            }
            Poll.Wait([], 1);
        }
        CgroupFiles.Write(directory, "freezer.state", "THAWED");
        throw new FaultException(FaultKind.DeadlineExceeded, $"cgroup {Path}: did not freeze");
    }

    public long OomKillCount() =>
        _directories.TryGetValue("memory", out var directory)
            ? (long)CgroupFiles.ReadTable(directory, "memory.oom_control").GetValueOrDefault("oom_kill")
            : 0;

    public OomEvents? OpenOomEvents() =>
        _directories.TryGetValue("memory", out var directory) ? OomEvents.OpenLegacy(directory) : null;

    public void KillAll()
    {
        // v1 has no cgroup.kill: signal what is listed until nothing new is.
        for (var round = 0; round < 100; round++)
        {
            var pids = ProcessIds();
            foreach (var pid in pids)
            {
                Signal.TryKill(pid, Signal.SIGKILL);
            }
            if (IsFrozen)
            {
                SetFrozen(false);
            }
            if (pids.Count == 0)
            {
                return;
            }
            Poll.Wait([], 1);
        }
    }

    public void Remove()
    {
        foreach (var directory in _directories.Values)
        {
            CgroupFiles.RemoveTree(directory, KillAll);
        }
    }

    private string Require(string controller, string what) =>
        _directories.TryGetValue(controller, out var directory)
            ? directory
            : throw new FaultException(
                FaultKind.FailedPrecondition, $"{what}: the cgroup controller {controller} is not mounted below {_mount}; mount it (mount -t cgroup -o {controller} "
                + $"{controller} {_mount}/{controller}), or leave the setting out");

    /// <summary>A new cpuset has no processors and no memory nodes, and takes no task before it gets some.</summary>
    private void CopyCpuset(string directory)
    {
        var parent = directory[..directory.LastIndexOf('/')];
        foreach (var file in (ReadOnlySpan<string>)["cpuset.cpus", "cpuset.mems"])
        {
            if (CgroupFiles.TryRead(directory, file)?.Trim() is not "")
            {
                continue;
            }
            if (CgroupFiles.TryRead(parent, file)?.Trim() is "")
            {
                CopyCpuset(parent);
            }
            CgroupFiles.Write(directory, file, CgroupFiles.TryRead(parent, file)?.Trim() ?? "");
        }
    }
}
