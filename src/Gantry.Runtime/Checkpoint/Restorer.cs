using System.Text;
using System.Text.Json;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Create;
using Gantry.Runtime.Hooks;
using Gantry.Runtime.State;
using Gantry.Runtime.Systemd;

namespace Gantry.Runtime.Checkpoint;

/// <summary>Brings a container back from images that <see cref="Checkpointer"/> wrote, under any id.</summary>
internal sealed class Restorer(StateStore store)
{
    private const string LogName = "restore.log";

    private bool _ownsGroup;

    /// <summary>Restores; the processes run when this returns. The first one is this process's child.</summary>
    public (ContainerRecord Record, FileDescriptor? Terminal) Restore(CriuOptions options, RestoreOptions how)
    {
        StateStore.CheckId(options.Id);
        var bundle = BundleLoader.Load(how.Create.BundlePath);
        // A mount namespace of this call's own, so that what CRIU needs mounted is gone with it, whatever happens. Before the
        // directories are opened: CRIU mounts in them.
        Sched.Unshare(Sched.CLONE_NEWNS);
        SysMount.Mount(null, "/", null, SysMount.MS_REC | SysMount.MS_SLAVE);
        using var images = Fcntl.Open(options.ImagePath, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
        using var work = Checkpointer.OpenWork(options);
        store.Claim(options.Id);
        var record = ContainerCreator.NewRecord(how.Create, bundle);
        try
        {
            store.Save(record);
            RestoreMountPoints.Make(bundle);
            var group = ControlGroup.Open(record.CgroupPath);
            if (record.SystemdUnit is null)
            {
                CgroupPlacement.Create(group, bundle.Spec.Linux, ref _ownsGroup);
            }
            return RestoreClaimed(options, how, bundle, record, group, images, work);
        }
        catch (FaultException e)
        {
            _ = SysMount.TryUnmount($"{store.DirectoryOf(options.Id)}/{StateStore.RestoreRootName}", SysMount.MNT_DETACH);
            if (_ownsGroup)
            {
                ScopeGroup.Stop(record);
                ControlGroup.Open(record.CgroupPath).Remove();
            }
            store.Release(options.Id);
            throw e.Message.StartsWith("criu: ", StringComparison.Ordinal)
                ? CriuLog.Explain(e, $"{options.WorkPath ?? options.ImagePath}/{LogName}")
                : e;
        }
    }

    private (ContainerRecord Record, FileDescriptor? Terminal) RestoreClaimed(
        CriuOptions options, RestoreOptions how, BundleLoader bundle, ContainerRecord record, IControlGroup group,
        FileDescriptor images, FileDescriptor? work)
    {
        var root = $"{store.DirectoryOf(options.Id)}/{StateStore.RestoreRootName}";
        Checkpointer.MakeDirectory(root);
        // CRIU wants a root that is a mount of its own.
        SysMount.Mount(bundle.Rootfs, root, null, SysMount.MS_BIND | SysMount.MS_REC);
        var message = Checkpointer.DescribeCommon(options, record, images, work, LogName);
        message.Add(CriuFields.Root, root);
        message.Add(CriuFields.RestoreAsSibling, true);
        message.Add(CriuFields.EvasiveDevices, true);
        AddSecurity(message, how);
        AddStreams(message, options.ImagePath);
        AddMounts(message, bundle, record);
        List<FileDescriptor> namespaces = [];
        FileDescriptor? terminal = null;
        try
        {
            AddNamespaces(message, bundle.Spec, namespaces);
            using (var criu = CriuSession.Start([.. namespaces.Select(static file => file.Number)]))
            {
                // What CRIU restores stays in its own groups' places: so it has to be in the container's first.
                if (record.SystemdUnit is not null)
                {
                    ScopeGroup.Start(record, bundle.Spec.Linux, criu.Pid, ref _ownsGroup);
                }
                group.AddProcess(criu.Pid);
                AddGroups(message, criu.Pid);
                var reply = criu.Ask(CriuFields.Restore, message, (notice, descriptor) =>
                {
                    terminal = Notified(notice, descriptor, bundle, record, how) ?? terminal;
                });
                record = record with { Pid = reply.RestoredPid, StartTime = ProcessTable.TryRead(reply.RestoredPid)?.StartTime ?? 0 };
                store.Save(record);
            }
            _ = SysMount.TryUnmount(root, SysMount.MNT_DETACH);
            _ = Unistd.TryRemoveDirectory(root);
            ContainerCreator.WritePidFile(how.Create.PidFile, record.Pid);
            return (record, terminal);
        }
        catch
        {
            terminal?.Dispose();
            throw;
        }
        finally
        {
            namespaces.ForEach(static file => file.Dispose());
        }
    }

    private static FileDescriptor? Notified(
        CriuReply notice, FileDescriptor? descriptor, BundleLoader bundle, ContainerRecord record, RestoreOptions how)
    {
        CommandOutput.Debug($"criu: {notice.Script}");
        switch (notice.Script)
        {
            case "orphan-pts-master" when descriptor is not null:
                return ContainerCreator.PassTerminal(how.Create.ConsoleSocket, Fcntl.Duplicate(descriptor.Number));
            case "setup-namespaces":
                var state = ContainerCreator.StateOf(record with { Pid = notice.NotifiedPid }, "creating");
                HookRunner.Run("prestart", bundle.Spec.Hooks?.Prestart, state);
                HookRunner.Run("createRuntime", bundle.Spec.Hooks?.CreateRuntime, state);
                return null;
            default:
                return null;
        }
    }

    private static void AddSecurity(CriuMessage message, RestoreOptions how)
    {
        if (how.LsmProfile is { Length: > 0 } profile)
        {
            message.Add(CriuFields.LsmProfile, profile);
        }
        if (how.LsmMountContext is { Length: > 0 } context)
        {
            message.Add(CriuFields.LsmMountContext, context);
        }
    }

    /// <summary>Standard streams that were pipes become this process's.</summary>
    private static void AddStreams(CriuMessage message, string imagePath)
    {
        var path = $"{imagePath}/{Checkpointer.DescriptorsName}";
        var json = SmallFile.TryRead(path) ?? throw new FaultException(FaultKind.NotFound, $"{path}: no such file; is it an image?");
        try
        {
            using var document = JsonDocument.Parse(json);
            var number = 0;
            foreach (var stream in document.RootElement.EnumerateArray())
            {
                if (stream.GetString() is { } name && name.StartsWith("pipe:", StringComparison.Ordinal))
                {
                    AddInherited(message, name, number);
                }
                number++;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FaultException(FaultKind.DataLoss, $"{path}: not a list of the process's streams", e);
        }
    }

    private static void AddInherited(CriuMessage message, string key, int descriptor)
    {
        var inherited = new CriuMessage();
        inherited.Add(CriuFields.First, key);
        inherited.Add(CriuFields.Second, descriptor);
        message.Add(CriuFields.InheritDescriptor, inherited);
    }

    private static void AddMounts(CriuMessage message, BundleLoader bundle, ContainerRecord record)
    {
        foreach (var (destination, source) in ExternalMounts.Of(bundle.Spec, bundle.Rootfs, bundle.Directory, record.CgroupPath))
        {
            Checkpointer.AddPair(message, CriuFields.ExternalMount, destination, source);
        }
        if (bundle.Spec.Linux?.MaskedPaths is { Count: > 0 })
        {
            Checkpointer.AddPair(message, CriuFields.ExternalMount, "/dev/null", "/dev/null");
        }
    }

    /// <summary>Network and pid namespaces are inherited by descriptor, others joined by path.</summary>
    private static void AddNamespaces(CriuMessage message, RuntimeSpec spec, List<FileDescriptor> opened)
    {
        foreach (var item in spec.Linux?.Namespaces ?? [])
        {
            if (item.Path is not { Length: > 0 } path)
            {
                continue;
            }
            switch (item.Type)
            {
                case "network" or "pid":
                    opened.Add(Fcntl.Open(path, Fcntl.O_RDONLY));
                    AddInherited(message, Checkpointer.KeyOf(item.Type), opened[^1].Number);
                    break;
                case "cgroup":
                    throw new FaultException(
                        FaultKind.NotImplemented, "linux.namespaces: CRIU cannot join a cgroup namespace; leave it out, or make a new one");
                default:
                    Checkpointer.AddPair(message, CriuFields.JoinNamespace, item.Type == "mount" ? "mnt" : item.Type, path);
                    break;
            }
        }
    }

    /// <summary>Where the container's groups are now: those of CRIU itself.</summary>
    private static void AddGroups(CriuMessage message, int pid)
    {
        foreach (var line in Encoding.UTF8.GetString(SmallFile.TryRead($"/proc/{pid}/cgroup") ?? []).Split('\n'))
        {
            if (line.Split(':', 3) is [_, var controllers, var path])
            {
                Checkpointer.AddPair(message, CriuFields.CgroupRoot, controllers, path);
            }
        }
    }
}
