using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Hooks;
using Gantry.Runtime.Launch;
using Gantry.Runtime.Rootfs;

namespace Gantry.Runtime.Create;

/// <summary>
/// The container's first process, from the clone to its program. It runs managed code in a copy of the runtime's memory
/// (docs/adr/0001) and never returns.
/// </summary>
internal sealed class ContainerInit(
    CreateOptions options, BundleLoader bundle, NamespaceSet namespaces, string cgroupPath, InitChannel channel,
    FileDescriptor startListener, byte[]? filter)
{
    private readonly RuntimeSpec _spec = bundle.Spec;

    /// <summary>Runs in the child. Everything that fails is reported to whoever waits: the creator, later the starter.</summary>
    public void Run()
    {
        try
        {
            Prepare();
        }
        catch (Exception e)
        {
            channel.SendFailure(e);
            Unistd.ExitNow(1);
        }
        Start();
    }

    private ProcessSpec Process => _spec.Process!;

    /// <summary>Everything up to "created".</summary>
    private void Prepare()
    {
        channel.WaitForGo();
        if (options.DiesWithParent)
        {
            SysPrctl.SetParentDeathSignal(Signal.SIGKILL);
        }
        Unistd.NewSession();
        using var proc = _spec.Process?.OomScoreAdj is not null || _spec.Linux?.Sysctl is { Count: > 0 } ? ProcFiles.Open() : null;
        namespaces.Join();
        if (namespaces.Makes(Sched.CLONE_NEWUSER))
        {
            Unistd.SetGroupId(0);
            Unistd.SetUserId(0);
        }
        if (options.NewKeyring)
        {
            ProcessStart.JoinKeyring(options.Id);
        }
        if (namespaces.NewCgroup)
        {
            // Now that this process is in its group, the group becomes the namespace's root.
            Sched.Unshare(Sched.CLONE_NEWCGROUP);
        }
        if (namespaces.Makes(Sched.CLONE_NEWNET))
        {
            NetIf.SetLoopbackUp();
        }
        if (_spec.Process is not null)
        {
            if (Process.OomScoreAdj is { } score)
            {
                ProcessStart.SetOomScore(proc!, score);
            }
            ProcessStart.SetLimits(Process);
        }
        SetNames();
        foreach (var (key, value) in _spec.Linux?.Sysctl ?? [])
        {
            // What a sysctl acts on are the namespaces of the process that opens it, whatever procfs it is reached by.
            proc!.Write("sys/" + key.Replace('.', '/'), System.Text.Encoding.UTF8.GetBytes(value));
        }
        SysStat.SetMask(0);
        EnterRoot();
        SysStat.SetMask(0x12);
        ProcessStart.CloseOthers(options.PreservedDescriptors, channel.Number, startListener.Number);
        if (_spec.Process is not null)
        {
            ProcessStart.EnterDirectory(Process.Cwd);
            _ = ProcessStart.FindProgram(Process);
        }
        channel.Send(InitChannel.Ready);
        channel.Dispose();
    }

    private void SetNames()
    {
        if (!string.IsNullOrEmpty(_spec.Hostname))
        {
            Unistd.SetHostName(_spec.Hostname);
        }
        if (!string.IsNullOrEmpty(_spec.Domainname))
        {
            Unistd.SetDomainName(_spec.Domainname);
        }
    }

    private void EnterRoot()
    {
        if (!namespaces.Makes(Sched.CLONE_NEWNS))
        {
            EnterSharedRoot();
            return;
        }
        using var rootfs = new RootfsBuilder(_spec, bundle.Rootfs, bundle.Directory, cgroupPath);
        rootfs.Mount();
        channel.Send(InitChannel.Hooks);
        channel.WaitForGo();
        HookRunner.Run("createContainer", _spec.Hooks?.CreateContainer, StateNow("creating"));
        InstallStreams(rootfs.Root);
        rootfs.Protect();
        rootfs.Enter(options.NoPivot);
    }

    /// <summary>Without a mount namespace of its own the container gets its root by chroot(2), and no mounts.</summary>
    private void EnterSharedRoot()
    {
        channel.Send(InitChannel.Hooks);
        channel.WaitForGo();
        HookRunner.Run("createContainer", _spec.Hooks?.CreateContainer, StateNow("creating"));
        using (var root = new RootTree(Fcntl.Open(bundle.Rootfs, Fcntl.O_PATH | Fcntl.O_DIRECTORY), bundle.Rootfs))
        {
            InstallStreams(root);
        }
        Unistd.ChangeRoot(bundle.Rootfs);
        Unistd.ChangeDirectory("/");
    }

    private void InstallStreams(RootTree root)
    {
        if (_spec.Process is not { Terminal: true })
        {
            options.Streams.Install();
            return;
        }
        using var master = StandardStreams.InstallTerminal(
            root, Process, bindConsole: namespaces.Makes(Sched.CLONE_NEWNS));
        channel.Send(InitChannel.Terminal, master.Number);
    }

    /// <summary>From the starter's connection to execve. The starter reads the reason of a failure, or the end.</summary>
    private void Start()
    {
        // Nothing is listened for before the rest is done: whoever connects gets an answer.
        var starter = WaitForStarter();
        try
        {
            if (_spec.Process is null)
            {
                throw new Faults.FaultException(
                    Faults.FaultKind.InvalidArgument, "config.json: process: required to start a container");
            }
            HookRunner.Run("startContainer", _spec.Hooks?.StartContainer, StateNow("created"));
            ProcessStart.DropPrivileges(Process, filter);
            if (options.DiesWithParent)
            {
                // Again: the change of credentials has cleared it.
                SysPrctl.SetParentDeathSignal(Signal.SIGKILL);
            }
            var program = ProcessStart.FindProgram(Process);
            ProcessStart.Execute(program, Process, options.PreservedDescriptors);
        }
        catch (Exception e)
        {
            var answer = State.StartSocket.FromFault(e);
            SysSocket.SendMessage(starter, answer);
        }
        Unistd.ExitNow(127);
    }

    private int WaitForStarter()
    {
        while (true)
        {
            if (SysSocket.Accept(startListener.Number) is { } connection)
            {
                startListener.Dispose();
                Fcntl.SetNonBlocking(connection.Number, false);
                return connection.Detach();
            }
        }
    }

    private ContainerState StateNow(string status) => new()
    {
        Id = options.Id,
        Status = status,
        Pid = Unistd.ProcessId(),
        Bundle = bundle.Directory,
        Annotations = _spec.Annotations,
    };
}
