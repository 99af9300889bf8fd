using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Create;
using Gantry.Runtime.Hooks;
using Gantry.Runtime.Launch;
using Gantry.Runtime.Systemd;

namespace Gantry.Runtime.State;

/// <summary>Signals and deletes containers.</summary>
internal sealed class ContainerRemoval(StateStore store)
{
    private const int KillWaitMs = 10_000;

    /// <summary>Signals the first process, or every process of the container's cgroup.</summary>
    public void Kill(string id, int signal, bool all)
    {
        var record = store.Load(id);
        if (all)
        {
            KillGroup(record, signal);
            return;
        }
        if (signal == Signal.SIGKILL && !record.OwnsPidNamespace && ControlGroup.Open(record.CgroupPath).ProcessIds().Count > 0)
        {
            // Without a pid namespace of its own nothing ends the others with the first process, which may be gone already.
            KillGroup(record, signal);
            return;
        }
        // In runc's words, by which containerd's shim knows that there is nothing to kill.
        using var process = TryOpen(record)
            ?? throw new FaultException(FaultKind.FailedPrecondition, $"container not running: \"{id}\" has ended, or is being created");
        var errno = Sched.TrySignal(process.Number, signal);
        if (errno != 0)
        {
            throw new LinuxException("pidfd_send_signal", id, errno);
        }
    }

    private static void KillGroup(ContainerRecord record, int signal)
    {
        var group = ControlGroup.Open(record.CgroupPath);
        if (signal == Signal.SIGKILL)
        {
            group.KillAll();
            return;
        }
        foreach (var pid in group.ProcessIds())
        {
            Signal.TryKill(pid, signal);
        }
    }

    /// <summary>
    /// Removes a container: with <paramref name="force"/> whatever state it is in, half created too, and no error when it does
    /// not exist; else only a stopped or created one.
    /// </summary>
    public void Delete(string id, bool force)
    {
        var record = store.TryLoad(id);
        if (record is null)
        {
            if (!store.IsClaimed(id) && !force)
            {
                throw new FaultException(FaultKind.NotFound, $"container \"{id}\" does not exist");
            }
            if (store.IsClaimed(id))
            {
                store.Release(id);
            }
            return;
        }
        var status = ProcessTable.StatusOf(record, store);
        if (!force && status is not ("stopped" or "created"))
        {
            throw new FaultException(
                FaultKind.FailedPrecondition, $"container \"{id}\" is {status}; stop it first, or delete with --force");
        }
        End(record);
        store.Release(id);
        RunPoststop(record);
    }

    /// <summary>Kills every process of the container and removes its cgroup.</summary>
    public static void End(ContainerRecord record)
    {
        var group = ControlGroup.Open(record.CgroupPath);
        using (var process = TryOpen(record))
        {
            if (process is not null)
            {
                Sched.TrySignal(process.Number, Signal.SIGKILL);
            }
            if (process is not null || !record.OwnsPidNamespace || record.Pid == 0)
            {
                group.KillAll();
            }
            if (process is not null)
            {
                Span<PollDescriptor> ended = [new PollDescriptor(process.Number, Poll.POLLIN)];
                Poll.Wait(ended, KillWaitMs);
            }
        }
        ScopeGroup.Stop(record);
        group.Remove();
        IntelRdt.Remove(record.Id);
    }

    /// <summary>A descriptor of the container's first process; null when it has ended.</summary>
    public static FileDescriptor? TryOpen(ContainerRecord record)
    {
        if (!ProcessTable.IsAlive(record))
        {
            return null;
        }
        try
        {
            var process = Sched.OpenProcess(record.Pid);
            // Between the look and the open the number could have gone to another process.
            return ProcessTable.IsAlive(record) ? process : null;
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.ESRCH)
        {
            return null;
        }
    }

    private static void RunPoststop(ContainerRecord record)
    {
        if (!record.HasPoststop)
        {
            return;
        }
        var spec = RuntimeSpecJson.ReadSpec(SmallFile.TryRead($"{record.Bundle}/config.json") ?? "{}"u8);
        HookRunner.RunAll("poststop", spec.Hooks?.Poststop, ContainerCreator.StateOf(record, "stopped"));
    }
}
