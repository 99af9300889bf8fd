using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Create;
using Gantry.Runtime.Launch;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Systemd;

/// <summary>The cgroup of a container whose group is a scope of systemd's (--systemd-cgroup).</summary>
internal static class ScopeGroup
{
    /// <summary>The record with the unit that the container will have and its group's path.</summary>
    public static ContainerRecord Place(ContainerRecord record, string? cgroupsPath)
    {
        var isUser = !UserNamespace.IsHostRoot();
        if (isUser && !ControlGroup.IsUnified())
        {
            throw new FaultException(
                FaultKind.FailedPrecondition, "--systemd-cgroup: only root can use it on cgroup v1; leave it out, or boot with cgroup v2");
        }
        var placement = UnitPlacement.Parse(cgroupsPath, record.Id, isUser);
        var prefix = "";
        if (isUser)
        {
            using var manager = SystemdManager.Open(isUser);
            prefix = manager.ControlGroup();
        }
        return record with
        {
            CgroupPath = prefix + placement.Path,
            SystemdUnit = placement.Unit,
            SystemdSlice = placement.Slice,
            IsOfUserSystemd = isUser,
        };
    }

    /// <summary>
    /// Starts the scope around a process, and sets the limits. <paramref name="isOwn"/> becomes true once the scope is this container's:
    /// one of that name that was there is not.
    /// </summary>
    public static void Start(ContainerRecord record, LinuxSpec? linux, int pid, ref bool isOwn)
    {
        var group = ControlGroup.Open(record.CgroupPath);
        List<UnitProperty> required =
        [
            UnitProperty.Of("Description", $"container {record.Id}"),
            UnitProperty.Of("Slice", record.SystemdSlice!),
            UnitProperty.Of("Delegate", true),
            UnitProperty.Of("DefaultDependencies", false),
            new("PIDs", "au", new List<object> { (uint)pid }),
            .. PropertyText.Read(record.Annotations),
        ];
        List<UnitProperty> optional =
        [
            UnitProperty.Of("CPUAccounting", true),
            UnitProperty.Of("MemoryAccounting", true),
            UnitProperty.Of("TasksAccounting", true),
            UnitProperty.Of(group.Version == 2 ? "IOAccounting" : "BlockIOAccounting", true),
            .. ResourceProperties.OomPolicy(linux?.Resources) is { } policy ? [policy] : (UnitProperty[])[],
            .. ResourceProperties.Convert(linux?.Resources, group, withDevices: !record.IsOfUserSystemd),
        ];
        using (var manager = SystemdManager.Open(record.IsOfUserSystemd))
        {
            manager.Start(record.SystemdUnit!, required, optional);
        }
        isOwn = true;
        if (group.Version == 2 && !group.Exists)
        {
            throw new FaultException(
                FaultKind.FailedPrecondition,
                $"systemd has started {record.SystemdUnit}, but not as the cgroup {group.Path}, which is not there; is it the systemd of this machine?");
        }
        group.Create();
        ApplyFiles(record, group, linux?.Resources);
    }

    /// <summary>Changes limits of a running container.</summary>
    public static void Update(ContainerRecord record, ResourcesSpec wanted)
    {
        var group = ControlGroup.Open(record.CgroupPath);
        if (wanted.Memory is { CheckBeforeUpdate: true, Limit: > 0 and var limit })
        {
            // The files are written after systemd's properties, which would have killed by then.
            ControlGroup.CheckMemoryLimit(group, limit);
        }
        var hasDevices = wanted.Devices is { Count: > 0 } && !record.IsOfUserSystemd;
        var properties = ResourceProperties.Convert(wanted, group, hasDevices);
        // On v1 systemd closes every device for a moment before it opens those that are allowed.
        var freeze = hasDevices && group is { Version: 1, FreezerDirectory: not null, IsFrozen: false };
        if (freeze)
        {
            group.SetFrozen(true);
        }
        try
        {
            using var manager = SystemdManager.Open(record.IsOfUserSystemd);
            manager.SetProperties(record.SystemdUnit!, properties);
            ApplyFiles(record, group, wanted);
        }
        finally
        {
            if (freeze)
            {
                group.SetFrozen(false);
            }
        }
    }

    /// <summary>Ends the unit. systemd that cannot be reached is no hindrance to a removal.</summary>
    public static void Stop(ContainerRecord record)
    {
        if (record.SystemdUnit is not { } unit)
        {
            return;
        }
        try
        {
            using var manager = SystemdManager.Open(record.IsOfUserSystemd);
            manager.Stop(unit);
        }
        catch (FaultException e)
        {
            CommandOutput.Warn($"{unit} may be left: {e.Message}");
        }
    }

    /// <summary>Moves a process into the scope by systemd, for who may not do so by the cgroup's files.</summary>
    public static void Attach(ContainerRecord record, int pid)
    {
        using var manager = SystemdManager.Open(record.IsOfUserSystemd);
        manager.Attach(record.SystemdUnit!, pid);
    }

    /// <summary>An ordinary user has no device rules to set, nor devices to make.</summary>
    private static void ApplyFiles(ContainerRecord record, IControlGroup group, ResourcesSpec? resources)
    {
        if (resources is null)
        {
            return;
        }
        if (record.IsOfUserSystemd)
        {
            resources.Devices = null;
        }
        ResourceMapping.Apply(group, resources);
    }
}
