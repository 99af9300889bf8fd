using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Create;
using Gantry.Runtime.Launch;
using Gantry.Runtime.Rootfs;
using Gantry.Runtime.State;
using Gantry.Runtime.Systemd;

namespace Gantry.Runtime.Exec;

/// <summary>Runs a further process in a container's namespaces and cgroup.</summary>
internal sealed class ExecCreator(StateStore store)
{
    /// <summary>
    /// Starts the process and returns its id, once its program runs, and the terminal's master unless a socket got it.
    /// </summary>
    public (int Pid, FileDescriptor? Terminal) Start(ExecOptions options)
    {
        var record = options.Record ?? store.Load(options.Id);
        var status = ProcessTable.StatusOf(record, store);
        if (status is not ("running" or "created") && !(status == "paused" && options.IgnorePaused))
        {
            throw new FaultException(
                FaultKind.FailedPrecondition, $"container \"{options.Id}\" is {status}; "
                + (status == "paused" ? "cannot exec in a paused container without --ignore-paused" : "exec needs a running one"));
        }
        SpecCheck.CheckProcess(options.Process, "process");
        // The container's own filter holds for every process in it.
        var spec = options.Configuration ?? BundleLoader.LoadForExec(record.Bundle);
        var filter = SeccompFilter.Prepare(spec.Linux?.Seccomp, store.Root);
        using var loader = SeccompListener.Connect(filter, spec.Linux?.Seccomp);
        var isHostRoot = UserNamespace.IsHostRoot();
        using var namespaces = NamespaceSet.OfProcess(record.Pid, isHostRoot);
        using var root = Fcntl.Open($"/proc/{record.Pid}/root", Fcntl.O_PATH | Fcntl.O_DIRECTORY);
        if (!ProcessTable.IsAlive(record))
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"container \"{options.Id}\" is stopped");
        }
        var alone = isHostRoot && JoinsAlone(options, namespaces);
        var (parent, child) = InitChannel.Open();
        using (parent)
        {
            int pid;
            FileDescriptor process;
            using (child)
            {
                var init = new ExecInit(
                    options, namespaces, root, child, loader, spec, ContainerCreator.StateOf(record, status),
                    record.HasKeyring, alone ? record.CgroupPath : null, sharesMemory: alone);
                if (alone)
                {
                    (pid, process) = Cloning.CloneSharing(namespaces, options.AsSibling, init.Run);
                }
                else
                {
                    pid = Cloning.Clone(
                        namespaces,
                        options.AsSibling,
                        () =>
                        {
                            // Its copy of this end would keep it from seeing that the runtime has been killed.
                            parent.Dispose();
                            init.Run();
                        },
                        keepsPid: false);
                    process = Sched.OpenProcess(pid);
                }
            }
            using (process)
            {
                return Finish(options, record, pid, process, parent, isThere: alone);
            }
        }
    }

    /// <summary>
    /// True when the process needs nothing of this one once it is cloned: it moves itself (<see cref="IControlGroup.Join"/>).
    /// </summary>
    private static bool JoinsAlone(ExecOptions options, NamespaceSet namespaces) =>
        options.SubGroups is null && options.Process.ExecCPUAffinity is null && !ControlGroup.IsUnified()
        && !namespaces.Joins(Sched.CLONE_NEWUSER | Sched.CLONE_NEWTIME);

    private static void JoinGroup(ExecOptions options, ContainerRecord record, int pid)
    {
        var group = ControlGroup.Open(record.CgroupPath);
        if (CgroupPlacement.IsWithout(group))
        {
            return;
        }
        if (options.SubGroups is { } wanted)
        {
            group.AddProcess(pid, wanted);
        }
        else if (!TryAdd(group, record, pid))
        {
            // v2 lets no process into a group that passes controllers on (the container runs an init that made groups of its
            // own): where the container's first process is, the new one may be, too.
            ControlGroup.OfProcess(record.Pid).AddProcess(pid);
        }
    }

    private static bool TryAdd(IControlGroup group, ContainerRecord record, int pid)
    {
        try
        {
            return group.TryAddProcess(pid);
        }
        catch (LinuxException e) when (e.ErrorNumber is Errno.EACCES or Errno.EPERM && record.SystemdUnit is not null)
        {
            // A user's session and systemd lie in groups whose common one is root's.
            ScopeGroup.Attach(record, pid);
            return true;
        }
    }

    private static (int Pid, FileDescriptor? Terminal) Finish(
        ExecOptions options, ContainerRecord record, int pid, FileDescriptor process, InitChannel channel, bool isThere)
    {
        try
        {
            if (!isThere)
            {
                Scheduling.SetAffinity(pid, options.Process.ExecCPUAffinity?.Initial);
                JoinGroup(options, record, pid);
                Scheduling.SetAffinity(pid, options.Process.ExecCPUAffinity?.Final);
                channel.SendGo();
            }
            FileDescriptor? terminal = null;
            while (true)
            {
                var kind = channel.Receive(out var descriptor);
                if (kind == 0)
                {
                    // The end without a fault: execve closed it.
                    break;
                }
                if (kind == InitChannel.Terminal)
                {
                    terminal = ContainerCreator.PassTerminal(options.ConsoleSocket, descriptor);
                }
            }
            ContainerCreator.WritePidFile(options.PidFile, pid);
            return (pid, terminal);
        }
        catch
        {
            Sched.TrySignal(process.Number, Signal.SIGKILL);
            Cloning.WaitForEnd(pid, process, options.AsSibling);
            throw;
        }
    }
}
