using Gantry.Linux;
using Gantry.Linux.Cgroups;
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
    FileDescriptor startListener, SeccompListener filter, MountSources sources, bool mountsFirst,
    bool joinsAlone, NetworkDevices? devices)
{
    private readonly RuntimeSpec _spec = bundle.Spec;
    private OwnFiles? _own;
    private bool _isInDirectory;
    private bool _isInGroup;
    private bool _hasDropped;
    private int _pid;
    private PreparedProgram? _program;
    private bool _isArmed;

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
        using var proc = NeedsProc() ? ProcFiles.Open() : null;
        _own = OwnFiles.Open(proc, _spec.Process, namespaces.NewTime);
        _pid = NeedsPid() ? OwnPid() : 0;
        if (!mountsFirst)
        {
            AwaitGroup();
        }
        if (options.DiesWithParent)
        {
            SysPrctl.SetParentDeathSignal(Signal.SIGKILL);
        }
        Unistd.NewSession();
        _own.SetOomScore(_spec.Process);
        SysPrctl.SetDumpable(false);
        JoinNamespaces();
        SetNames(proc);
        SysStat.SetMask(0);
        EnterRoot();
        SysStat.SetMask(0x12);
        ProcessStart.CloseOthers(options.PreservedDescriptors, [channel.Number, startListener.Number, .. _own.Numbers, .. filter.Numbers]);
        if (_spec.Process is not null)
        {
            // Not before the mounts, whose sources may be more descriptors than the program shall have.
            ProcessStart.SetLimits(Process);
            _isInDirectory = ProcessStart.TryEnterDirectory(Process.Cwd);
            ProcessStart.SetHome(Process);
            _ = ProcessStart.FindProgram(Process);
        }
        if (_spec.Process is { NoNewPrivileges: true, Scheduler: null } && _spec.Hooks is not { StartContainer.Count: > 0 })
        {
            // Nothing before the start needs privileges any more, and the filter, which comes last, needs none. With hooks, or
            // a filter that takes CAP_SYS_ADMIN, it has to wait for the start; so has a policy that lets no process fork.
            DropPrivileges();
            TryPrepareProgram();
        }
        channel.Send(_isArmed ? InitChannel.Armed : InitChannel.Ready);
        channel.Dispose();
    }

    /// <summary>
    /// Does now what else there is to do before execve(2), so that whoever starts the container need not wait for it. A program
    /// that its user may not execute is an error of the start.
    /// </summary>
    private void TryPrepareProgram()
    {
        ListenDescriptors.Tell(Process.Env ??= [], options.ListenDescriptors);
        try
        {
            _program = new PreparedProgram(Process);
            // With an agent for the filter there is more that may fail.
            _isArmed = !filter.IsUsed && _program.LooksExecutable();
        }
        catch (Faults.FaultException)
        {
            _program = null;
        }
    }

    private void DropPrivileges()
    {
        _hasDropped = true;
        Scheduling.Apply(Process, _spec.Linux);
        _own!.SetLabel(Process);
        ProcessStart.DropPrivileges(Process, options.PreservedDescriptors, _isInDirectory, options.DiesWithParent);
    }

    private void JoinNamespaces()
    {
        namespaces.Join();
        if (namespaces.ChangesUser)
        {
            // A map without 0 leaves this process its capabilities in the namespace all the same.
            _ = Unistd.TryBecomeRoot();
        }
        if (options.NewKeyring)
        {
            ProcessStart.JoinKeyring(options.Id);
        }
        if (!mountsFirst)
        {
            MakeGroupNamespace();
        }
        if (namespaces.NewTime)
        {
            NamespaceSet.MakeTime(_own!.TimeOffsets!, _spec.Linux?.TimeOffsets);
        }
        if (namespaces.Makes(Sched.CLONE_NEWNET))
        {
            NetIf.SetLoopbackUp();
        }
    }

    /// <summary>Waits for the runtime's word that the group is there, and is in it afterwards.</summary>
    private void AwaitGroup()
    {
        if (_isInGroup)
        {
            return;
        }
        _isInGroup = true;
        channel.WaitForGo();
        if (joinsAlone)
        {
            ControlGroup.Open(cgroupPath).Join();
        }
        if (mountsFirst)
        {
            MakeGroupNamespace();
        }
    }

    private void MakeGroupNamespace()
    {
        if (namespaces.NewCgroup)
        {
            // Now that this process is in its group, the group becomes the namespace's root.
            Sched.Unshare(Sched.CLONE_NEWCGROUP);
        }
    }

    private void SetNames(ProcFiles? proc)
    {
        if (!string.IsNullOrEmpty(_spec.Hostname))
        {
            Unistd.SetHostName(_spec.Hostname);
        }
        if (!string.IsNullOrEmpty(_spec.Domainname))
        {
            Unistd.SetDomainName(_spec.Domainname);
        }
        foreach (var (key, value) in _spec.Linux?.Sysctl ?? [])
        {
            // What a sysctl acts on are the namespaces of the process that opens it, whatever procfs it is reached by.
            proc!.Write("sys/" + SysctlCheck.PathOf(key), System.Text.Encoding.UTF8.GetBytes(value));
        }
    }

    private void EnterRoot()
    {
        var joined = namespaces.Joins(Sched.CLONE_NEWNS);
        if (!namespaces.Makes(Sched.CLONE_NEWNS) && !joined)
        {
            EnterSharedRoot();
            return;
        }
        using var rootfs = new RootfsBuilder(_spec, bundle.Rootfs, bundle.Directory, cgroupPath, sources, joined);
        rootfs.Mount(AwaitGroup);
        AwaitGroup();
        if (_spec.Hooks is { CreateContainer.Count: > 0 })
        {
            Unistd.ChangeDirectory(rootfs.Root.Number); // where runc runs them
        }
        RunCreateHooks();
        InstallStreams(rootfs.Root, bindConsole: true);
        rootfs.Protect();
        rootfs.Enter(options.NoPivot);
    }

    /// <summary>In the host's own mount namespace the container gets its root by chroot(2), and no mounts.</summary>
    private void EnterSharedRoot()
    {
        if (_spec.Mounts is { Count: > 0 } || _spec.Linux is { MaskedPaths.Count: > 0 } or { ReadonlyPaths.Count: > 0 })
        {
            CommandOutput.Warn(
                "mounts, linux.maskedPaths, linux.readonlyPaths: left out, since they would change the host; "
                + "they take a mount namespace in linux.namespaces");
        }
        RunCreateHooks();
        using (var root = new RootTree(Fcntl.Open(bundle.Rootfs, Fcntl.O_PATH | Fcntl.O_DIRECTORY), bundle.Rootfs))
        {
            InstallStreams(root, bindConsole: false);
        }
        Unistd.ChangeRoot(bundle.Rootfs);
        Unistd.ChangeDirectory("/");
    }

    private void RunCreateHooks()
    {
        devices?.SetUp();
        channel.Send(InitChannel.Hooks);
        channel.WaitForGo();
        HookRunner.Run("createContainer", _spec.Hooks?.CreateContainer, StateNow("creating"));
    }

    private void InstallStreams(RootTree root, bool bindConsole)
    {
        if (_spec.Process is not { Terminal: true })
        {
            options.Streams.Install();
            StandardStreams.ReopenNull(root);
            return;
        }
        using var master = StandardStreams.InstallTerminal(root, Process, bindConsole, options.IsForeground);
        channel.Send(InitChannel.Terminal, master.Number);
    }

    /// <summary>From the starter's connection to execve. The starter reads the reason of a failure, or the end.</summary>
    private void Start()
    {
        // Nothing is listened for before the rest is done: whoever connects gets an answer.
        var starter = WaitForStarter(out var waitsForExec);
        // Nobody waits for the answer of an armed one but who waits for its execve(2).
        var isAnswered = _isArmed && !waitsForExec;
        try
        {
            _program ??= PrepareAtStart();
            if (!isAnswered && !waitsForExec && _program.LooksExecutable())
            {
                SysSocket.SendMessage(starter, [State.StartSocket.Executing]);
                isAnswered = true;
            }
            _program.Execute(() => filter.Load(_pid, StateNow("created")));
        }
        catch (Exception e) when (isAnswered)
        {
            CommandOutput.Fail(e.Message);
        }
        catch (Exception e)
        {
            SysSocket.SendMessage(starter, State.StartSocket.FromFault(e));
        }
        Unistd.ExitNow(127);
    }

    private PreparedProgram PrepareAtStart()
    {
        if (_spec.Process is null)
        {
            throw new Faults.FaultException(
                Faults.FaultKind.InvalidArgument, "config.json: process: required to start a container");
        }
        // As with runc these run as the program will: in its environment.
        HookRunner.Run("startContainer", _spec.Hooks?.StartContainer, StateNow("created"), Process.Env);
        if (!_hasDropped)
        {
            DropPrivileges();
        }
        ListenDescriptors.Tell(Process.Env ??= [], options.ListenDescriptors);
        return new PreparedProgram(Process);
    }

    private int WaitForStarter(out bool waitsForExec)
    {
        while (true)
        {
            if (SysSocket.Accept(startListener.Number) is { } connection)
            {
                startListener.Dispose();
                Fcntl.SetNonBlocking(connection.Number, false);
                waitsForExec = !SysSocket.IsPeerNamed(connection.Number);
                return connection.Detach();
            }
        }
    }

    private bool NeedsProc() => namespaces.NewTime || OwnFiles.IsNeeded(_spec.Process) || _spec.Linux?.Sysctl is { Count: > 0 };

    private bool NeedsPid() =>
        filter.IsUsed || _spec.Hooks is { CreateContainer.Count: > 0 } or { StartContainer.Count: > 0 };

    /// <summary>This process's id where the runtime is, whose procfs is still mounted.</summary>
    private static int OwnPid() => int.Parse(Unistd.ReadLink("/proc/self"), System.Globalization.CultureInfo.InvariantCulture);

    private ContainerState StateNow(string status) => new()
    {
        Id = options.Id,
        Status = status,
        Pid = _pid,
        Bundle = bundle.Directory,
        Annotations = _spec.Annotations,
    };
}
