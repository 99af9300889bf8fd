using System.Globalization;
using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Hooks;
using Gantry.Runtime.Launch;
using Gantry.Runtime.Rootfs;
using Gantry.Runtime.State;
using Gantry.Runtime.Systemd;

namespace Gantry.Runtime.Create;

/// <summary>Creates a container: the runtime's side. When it fails, nothing of the container is left.</summary>
internal sealed class ContainerCreator(StateStore store)
{
    /// <summary>What is in the group is this container's, and goes with it when the creation fails.</summary>
    private bool _ownsGroup;

    /// <summary>Creates the container and returns its record and, with a terminal, the master unless a socket got it.</summary>
    public (ContainerRecord Record, FileDescriptor? Terminal) Create(CreateOptions options)
    {
        StateStore.CheckId(options.Id);
        var bundle = BundleLoader.Load(options.BundlePath);
        CheckTerminal(options, bundle.Spec);
        LeftOut.Warn(bundle.Spec);
        if (ListenDescriptors.Take() is var listening and > 0)
        {
            options = options with
            {
                ListenDescriptors = listening,
                PreservedDescriptors = listening + options.PreservedDescriptors,
            };
            ListenDescriptors.Keep(options.PreservedDescriptors);
        }
        var filter = SeccompFilter.Prepare(bundle.Spec.Linux?.Seccomp, store.Root);
        store.Claim(options.Id);
        ContainerRecord? record = null;
        try
        {
            record = NewRecord(options, bundle);
            store.Save(record);
            NotifySocket.Prepare(store.DirectoryOf(options.Id), bundle.Spec);
            return CreateClaimed(options, bundle, record, filter);
        }
        catch
        {
            if (_ownsGroup)
            {
                ScopeGroup.Stop(record!);
                ControlGroup.Open(record!.CgroupPath).Remove();
                IntelRdt.Remove(options.Id);
            }
            store.Release(options.Id);
            if (record is not null)
            {
                // runtime.md, steps 3 to 5: after a failure the life cycle goes on with the end.
                HookRunner.RunAll("poststop", bundle.Spec.Hooks?.Poststop, StateOf(record, "stopped"));
            }
            throw;
        }
    }

    private static void CheckTerminal(CreateOptions options, RuntimeSpec spec)
    {
        var terminal = spec.Process?.Terminal == true;
        if (!terminal && options.ConsoleSocket is not null)
        {
            throw new FaultException(FaultKind.InvalidArgument, "--console-socket: the process has no terminal");
        }
    }

    internal static ContainerRecord NewRecord(CreateOptions options, BundleLoader bundle)
    {
        var path = bundle.Spec.Linux?.CgroupsPath;
        return options.SystemdCgroup
            ? ScopeGroup.Place(NewRecord(options, bundle, ""), path)
            : NewRecord(options, bundle, string.IsNullOrEmpty(path) ? "/" + options.Id : RootPath(path));
    }

    private static ContainerRecord NewRecord(CreateOptions options, BundleLoader bundle, string cgroupPath) => new()
    {
        Id = options.Id,
        Bundle = bundle.Directory,
        Rootfs = bundle.Rootfs,
        CgroupPath = cgroupPath,
        CreatedAt = DateTime.UtcNow.ToString("O", CultureInfo.InvariantCulture),
        HasPoststop = bundle.Spec.Hooks?.Poststop is { Count: > 0 },
        HasPoststart = bundle.Spec.Hooks?.Poststart is { Count: > 0 },
        OwnsPidNamespace = bundle.Spec.Linux?.Namespaces?.Any(
            static item => item.Type == "pid" && string.IsNullOrEmpty(item.Path)) == true,
        HasKeyring = options.NewKeyring,
        Annotations = bundle.Spec.Annotations,
    };

    private static string RootPath(string path) =>
        path.Contains(':')
            ? throw new FaultException(
                FaultKind.InvalidArgument,
                $"linux.cgroupsPath {path}: slice:prefix:name is for --systemd-cgroup; give that option, or a path")
            : path.StartsWith('/') ? path : "/" + path;

    private (ContainerRecord Record, FileDescriptor? Terminal) CreateClaimed(
        CreateOptions options, BundleLoader bundle, ContainerRecord record, byte[]? filter)
    {
        var mountsFirst = MountsFirst(bundle.Spec) && UserNamespace.IsHostRoot();
        var group = mountsFirst || record.SystemdUnit is not null
            ? ControlGroup.Open(record.CgroupPath)
            : CgroupPlacement.TryCreate(record.CgroupPath, bundle.Spec.Linux, options.Rootless, ref _ownsGroup);
        using var listener = StartSocket.Listen(store.DirectoryOf(options.Id));
        using var loader = SeccompListener.Connect(filter, bundle.Spec.Linux?.Seccomp);
        using var sources = MountSources.Open(bundle.Spec, bundle.Rootfs, bundle.Directory);
        using var namespaces = NamespaceSet.Open(bundle.Spec.Linux?.Namespaces ?? []);
        var devices = NetworkDevices.Find(bundle.Spec.Linux);
        var (parent, child) = InitChannel.Open();
        using (parent)
        {
            int pid;
            using (child)
            {
                pid = Cloning.Clone(
                    namespaces,
                    options.AsSibling,
                    () =>
                    {
                        // Its copy of this end would keep it from seeing that the runtime has been killed.
                        parent.Dispose();
                        new ContainerInit(
                            options, bundle, namespaces, record.CgroupPath, child, listener, loader, sources, mountsFirst,
                            JoinsAlone(group, namespaces), devices).Run();
                    });
            }
            using var process = Sched.OpenProcess(pid);
            try
            {
                record = record with { Pid = pid, StartTime = ProcessTable.TryRead(pid)?.StartTime ?? 0 };
                store.Save(record);
                IntelRdt.Apply(bundle.Spec.Linux?.IntelRdt, options.Id, pid);
                IdMaps.Write(pid, namespaces, bundle.Spec.Linux);
                FillGroup(group, record, bundle.Spec.Linux, mountsFirst, namespaces);
                devices?.Move(pid, namespaces);
                parent.SendGo();
                return (record, Converse(options, bundle.Spec, record, parent));
            }
            catch
            {
                Sched.TrySignal(process.Number, Signal.SIGKILL);
                Cloning.WaitForEnd(pid, process, options.AsSibling);
                throw;
            }
        }
    }

    /// <summary>Makes the group unless it is there, and moves the first process into it unless that does so itself.</summary>
    private void FillGroup(
        IControlGroup? group, ContainerRecord record, LinuxSpec? linux, bool mountsFirst, NamespaceSet namespaces)
    {
        if (record.SystemdUnit is not null)
        {
            ScopeGroup.Start(record, linux, record.Pid, ref _ownsGroup);
        }
        else if (mountsFirst)
        {
            CgroupPlacement.Create(group!, linux, ref _ownsGroup);
        }
        if (!JoinsAlone(group, namespaces) && (record.SystemdUnit is null || group!.Version == 1))
        {
            group?.AddProcess(record.Pid);
        }
    }

    /// <summary>
    /// True when the first process can mount while this one makes its groups: two processors share the work. Not when it needs
    /// this one first (id maps), cannot reach the groups later (another's mounts), or mounts parts of them as files.
    /// </summary>
    private static bool MountsFirst(RuntimeSpec spec) =>
        spec.Linux?.Namespaces is { } namespaces
        && namespaces.Exists(static item => item.Type == "mount" && string.IsNullOrEmpty(item.Path))
        && !namespaces.Exists(static item => item.Type == "user" || (item.Type == "cgroup" && !string.IsNullOrEmpty(item.Path)))
        && spec.Mounts?.Exists(static item => item.Source?.Contains("cgroup/", StringComparison.Ordinal) == true) != true;

    /// <summary>True when the first process moves itself into the group; in another's user namespace it has no right to.</summary>
    private static bool JoinsAlone(IControlGroup? group, NamespaceSet namespaces) =>
        group?.Version == 1 && !namespaces.Joins(Sched.CLONE_NEWUSER);

    private FileDescriptor? Converse(
        CreateOptions options, RuntimeSpec spec, ContainerRecord record, InitChannel channel)
    {
        FileDescriptor? terminal = null;
        while (true)
        {
            var kind = channel.Receive(out var descriptor);
            switch (kind)
            {
                case InitChannel.Hooks:
                    var state = StateOf(record, "creating");
                    // The status that these deprecated hooks have always been given.
                    HookRunner.Run("prestart", spec.Hooks?.Prestart, StateOf(record, "created"));
                    HookRunner.Run("createRuntime", spec.Hooks?.CreateRuntime, state);
                    channel.SendGo();
                    break;
                case InitChannel.Terminal:
                    terminal = PassTerminal(options.ConsoleSocket, descriptor);
                    break;
                case InitChannel.Ready or InitChannel.Armed:
                    if (kind == InitChannel.Armed)
                    {
                        StartSocket.MarkArmed(store.DirectoryOf(options.Id));
                    }
                    WritePidFile(options.PidFile, record.Pid);
                    return terminal;
                default:
                    throw new FaultException(
                        FaultKind.Internal, "the container's first process was killed while the container was created");
            }
        }
    }

    /// <summary>Writes beside the file and renames: whoever waits for it never finds it empty.</summary>
    internal static void WritePidFile(string? path, int pid)
    {
        if (path is not null)
        {
            SmallFile.Write(path + ".new", Encoding.ASCII.GetBytes($"{pid}"), 0x1A4);
            Unistd.Rename(path + ".new", path);
        }
    }

    internal static ContainerState StateOf(ContainerRecord record, string status) => new()
    {
        Id = record.Id,
        Status = status,
        Pid = status == "stopped" ? 0 : record.Pid,
        Bundle = record.Bundle,
        Annotations = record.Annotations,
    };

    internal static FileDescriptor? PassTerminal(string? consoleSocket, FileDescriptor? terminal)
    {
        if (consoleSocket is null || terminal is null)
        {
            return terminal;
        }
        using (terminal)
        {
            using var connection = SysSocket.Connect(consoleSocket);
            SysSocket.SendMessage(connection.Number, "/dev/ptmx"u8, terminal.Number);
        }
        return null;
    }
}
