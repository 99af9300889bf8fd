using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Create;

/// <summary>Makes a container's cgroup with its limits.</summary>
internal static class CgroupPlacement
{
    /// <summary>
    /// The group; null where an ordinary user, or the root of a user namespace, may make none and the configuration asks for no
    /// limit: the container then stays in the runtime's group. <paramref name="rootless"/> decides who such a user is. Devices are no limit there, since such a user cannot make them.
    /// </summary>
    public static IControlGroup? TryCreate(string path, LinuxSpec? linux, bool? rootless, ref bool isOwn)
    {
        try
        {
            var group = ControlGroup.Open(path);
            Create(group, linux, ref isOwn);
            return group;
        }
        catch (FaultException e) when (IsDenied(e) && (rootless ?? !UserNamespace.IsHostRoot()) && !HasLimits(linux?.Resources))
        {
            return null;
        }
    }

    private static bool IsDenied(Exception fault) =>
        fault is LinuxException { ErrorNumber: Errno.EACCES or Errno.EPERM or Errno.EROFS or Errno.ENOENT };

    /// <summary>
    /// Makes the group and sets its limits. <paramref name="isOwn"/> becomes true once it is this container's to remove. A group that
    /// others are in is refused: the end of a container ends all that is in its group.
    /// </summary>
    public static void Create(IControlGroup group, LinuxSpec? linux, ref bool isOwn)
    {
        bool isNew;
        try
        {
            isNew = group.Create();
        }
        catch
        {
            isOwn = group.ProcessIds().Count == 0; // some of its directories may have been made
            throw;
        }
        if (!isNew && group.ProcessIds() is { Count: > 0 } others)
        {
            throw new FaultException(
                FaultKind.Conflict,
                $"cgroup {group.Path}: the container's cgroup is not empty: {others.Count} process(es) found, as {others[0]}; end them, or "
                + "choose another path for linux.cgroupsPath");
        }
        if (!isNew && group.IsFrozen)
        {
            // The first process would stop as soon as it is in it, and whoever waits for it with it.
            throw new FaultException(
                FaultKind.Conflict, $"cgroup {group.Path}: container's cgroup unexpectedly frozen; thaw it, or choose another path for linux.cgroupsPath");
        }
        isOwn = true;
        if (linux?.Resources is { } resources)
        {
            ResourceMapping.Apply(group, resources);
        }
    }

    /// <summary>True for a container that was made without a group, by a user who may make none.</summary>
    public static bool IsWithout(IControlGroup group) => !UserNamespace.IsHostRoot() && !group.Exists;

    private static bool HasLimits(ResourcesSpec? resources) =>
        resources is not null
        && (resources.Memory is not null || resources.Cpu is not null || resources.Pids is { Limit: > 0 }
            || resources.BlockIO is not null || resources.HugepageLimits is { Count: > 0 } || resources.Unified is { Count: > 0 });
}
