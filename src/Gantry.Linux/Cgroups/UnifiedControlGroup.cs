using System.Globalization;
using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Linux.Cgroups;

/// <summary>A control group on cgroup v2.</summary>
internal sealed partial class UnifiedControlGroup : IControlGroup
{
    private static readonly string[] Controllers = ["cpuset", "cpu", "io", "memory", "pids", "hugetlb", "rdma", "misc"];

    private const int FreezeAttempts = 1000;

    private readonly string _mount;
    private readonly string _directory;

    public UnifiedControlGroup(string path, string mount)
    {
        Path = path;
        _mount = mount;
        _directory = mount + path;
    }

    public string Path { get; }

    public int Version => 2;

    public IReadOnlyList<string> Directories => [_directory];

    public string? FreezerDirectory => _directory;

    public bool Exists => CgroupFiles.Exists(_directory);

    public bool IsFrozen => CgroupFiles.ReadTable(_directory, "cgroup.events").GetValueOrDefault("frozen") == 1;

    public bool Create()
    {
        var isNew = false;
        // Each group must pass its controllers on before the next one can use them.
        var current = _mount;
        foreach (var part in Path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            EnableControllers(current);
            current = $"{current}/{part}";
            isNew = CgroupFiles.MakeDirectories(current);
        }
        return isNew;
    }

    public void AddProcess(int pid) =>
        CgroupFiles.Write(_directory, "cgroup.procs", pid.ToString(CultureInfo.InvariantCulture));

    public bool TryAddProcess(int pid)
    {
        var errno = CgroupFiles.TryWrite(_directory, "cgroup.procs", pid.ToString(CultureInfo.InvariantCulture));
        return errno is 0 or Errno.EBUSY
            ? errno == 0
            : throw new LinuxException($"write {pid} to", $"{_directory}/cgroup.procs", errno);
    }

    public void AddProcess(int pid, IReadOnlyDictionary<string, string> subgroups)
    {
        if (!subgroups.TryGetValue("", out var path))
        {
            throw new FaultException(
                FaultKind.InvalidArgument, $"subgroup {subgroups.Values.First()}: cgroup v2 has one hierarchy; name no controllers");
        }
        CgroupFiles.Write(
            path.Length > 0 ? $"{_directory}/{path}" : _directory, "cgroup.procs", pid.ToString(CultureInfo.InvariantCulture));
    }

    public void Join() => CgroupFiles.Write(_directory, "cgroup.procs", "0");

    public IReadOnlyList<int> ProcessIds()
    {
        List<int> result = [];
        CgroupFiles.ReadProcessIds(_directory, result);
        return result;
    }

    public void SetFrozen(bool frozen)
    {
        CgroupFiles.Write(_directory, "cgroup.freeze", frozen ? "1" : "0");
        for (var attempt = 0; attempt < FreezeAttempts; attempt++)
        {
            if (IsFrozen == frozen)
            {
                return;
            }
            Poll.Wait([], 1);
        }
        CgroupFiles.Write(_directory, "cgroup.freeze", "0");
        throw new FaultException(FaultKind.DeadlineExceeded, $"cgroup {Path}: did not freeze");
    }

    public long OomKillCount() => (long)CgroupFiles.ReadTable(_directory, "memory.events").GetValueOrDefault("oom_kill");

    public OomEvents? OpenOomEvents() =>
        CgroupFiles.Exists($"{_directory}/memory.events") ? OomEvents.OpenUnified(_directory) : null;

    public void KillAll()
    {
        // cgroup.kill came with Linux 5.14; it takes frozen tasks and new forks with it.
        if (CgroupFiles.TryWrite(_directory, "cgroup.kill", "1") != Errno.ENOENT || !Exists)
        {
            return;
        }
        for (var round = 0; round < 100 && ProcessIds() is { Count: > 0 } pids; round++)
        {
            foreach (var pid in pids)
            {
                Signal.TryKill(pid, Signal.SIGKILL);
            }
            Poll.Wait([], 1);
        }
    }

    public void Remove() => CgroupFiles.RemoveTree(_directory, KillAll);

    private static void EnableControllers(string directory)
    {
        var available = (CgroupFiles.TryRead(directory, "cgroup.controllers") ?? "").Split([' ', '\n']);
        var enabled = (CgroupFiles.TryRead(directory, "cgroup.subtree_control") ?? "").Split([' ', '\n']);
        foreach (var controller in Controllers)
        {
            if (available.Contains(controller) && !enabled.Contains(controller))
            {
                // Refused (EBUSY) where processes sit in the group itself; a limit that then lacks its controller says so.
                CgroupFiles.TryWrite(directory, "cgroup.subtree_control", "+" + controller);
            }
        }
    }
}
