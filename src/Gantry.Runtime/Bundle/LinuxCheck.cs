using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Bundle;

/// <summary>Checks personality, cache allocation, network devices and labels.</summary>
internal static class LinuxCheck
{
    private const int MaxInterfaceName = 15;

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
        if (linux?.MountLabel is { Length: > 0 } label && !SecurityLabel.HasSelinux)
        {
            errors.Add($"linux.mountLabel: \"{label}\" cannot be applied, this kernel has no SELinux; remove the field or enable it");
        }
        foreach (var (name, device) in linux?.NetDevices ?? [])
        {
            if (!IsInterfaceName(name) || (!string.IsNullOrEmpty(device.Name) && !IsInterfaceName(device.Name)))
            {
                errors.Add($"linux.netDevices.{name}: a device's name has 1 to {MaxInterfaceName} bytes without /, : and space");
            }
        }
        SpecCheck.CheckText("linux.cgroupsPath", linux?.CgroupsPath, errors);
        IntelRdt.Check(linux?.IntelRdt, errors);
        SeccompCheck.Check(linux?.Seccomp, errors);
    }

    private static bool IsInterfaceName(string name) =>
        name.Length is > 0 and <= MaxInterfaceName && name is not ("." or "..")
        && name.AsSpan().IndexOfAny("/: \0") < 0;
}
