using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Bundle;

/// <summary>Checks personality, cache allocation, network devices and the system call filter.</summary>
internal static class LinuxCheck
{
    public static void Check(LinuxSpec? linux, List<string> errors)
    {
        if (linux?.Personality is { } personality)
        {
            if (SchedPolicy.Personality(personality.Domain) < 0)
            {
                errors.Add($"linux.personality.domain: \"{personality.Domain}\" is not LINUX or LINUX32");
            }
            if (personality.Flags is { Count: > 0 })
            {
                errors.Add("linux.personality.flags: the specification has no flags yet; remove them");
            }
        }
        CheckMemoryPolicy(linux?.MemoryPolicy, errors);
        CheckDevices(linux, errors);
        SpecCheck.CheckText("linux.cgroupsPath", linux?.CgroupsPath, errors);
        IntelRdt.Check(linux?.IntelRdt, errors);
        SeccompCheck.Check(linux?.Seccomp, errors);
    }

    /// <summary>The rules of set_mempolicy(2) on nodes and modes, which the kernel would only answer with EINVAL.</summary>
    private static void CheckMemoryPolicy(MemoryPolicySpec? policy, List<string> errors)
    {
        if (policy is null)
        {
            return;
        }
        if (SchedPolicy.MemoryMode(policy.Mode) < 0)
        {
            errors.Add(
                $"linux.memoryPolicy: invalid memory policy mode \"{policy.Mode}\"; one of {string.Join(", ", SchedPolicy.MemoryModeNames)}");
        }
        foreach (var flag in policy.Flags ?? [])
        {
            if (SchedPolicy.MemoryFlag(flag) == 0)
            {
                errors.Add(
                    $"linux.memoryPolicy: invalid memory policy flag \"{flag}\"; one of {string.Join(", ", SchedPolicy.MemoryFlagNames)}");
            }
        }
        var hasNodes = !string.IsNullOrEmpty(policy.Nodes);
        if (hasNodes && Scheduling.ParseProcessors(policy.Nodes!) is null)
        {
            errors.Add($"linux.memoryPolicy.nodes: invalid memory policy nodes \"{policy.Nodes}\"; a list such as 0-3,7");
        }
        else if (policy.Mode is "MPOL_DEFAULT" or "MPOL_LOCAL" && hasNodes)
        {
            errors.Add($"linux.memoryPolicy: mode requires 0 nodes but got {policy.Nodes}; remove nodes, or choose another than {policy.Mode}");
        }
        else if (policy.Mode is "MPOL_BIND" or "MPOL_INTERLEAVE" or "MPOL_PREFERRED_MANY" or "MPOL_WEIGHTED_INTERLEAVE" && !hasNodes)
        {
            errors.Add($"linux.memoryPolicy: mode requires at least one node but got 0; give nodes to {policy.Mode}");
        }
    }

    private static void CheckDevices(LinuxSpec? linux, List<string> errors)
    {
        if (linux?.NetDevices is not { Count: > 0 } devices)
        {
            return;
        }
        if (NamespaceCheck.Find(linux, "network") is null)
        {
            errors.Add("linux.netDevices: without a network namespace in linux.namespaces there is nowhere to move network devices to");
        }
        HashSet<string> names = [];
        foreach (var (host, device) in devices)
        {
            var name = string.IsNullOrEmpty(device.Name) ? host : device.Name;
            if (!IsDeviceName(host) || !IsDeviceName(name))
            {
                errors.Add($"linux.netDevices: \"{(IsDeviceName(host) ? name : host)}\" is not the name of a network device");
            }
            else if (!names.Add(name))
            {
                errors.Add($"linux.netDevices: two devices would be {name}");
            }
        }
    }

    /// <summary>dev_valid_name() in net/core/dev.c; with % the kernel would choose a number.</summary>
    private static bool IsDeviceName(string name) =>
        name.Length is > 0 and < 16 && name is not ("." or "..") && !name.Any(static c => c is '/' or ':' or '%' || char.IsWhiteSpace(c) || c >= 128);
}
