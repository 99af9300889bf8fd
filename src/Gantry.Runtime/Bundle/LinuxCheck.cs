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
        if (linux?.NetDevices is { Count: > 0 })
        {
            errors.Add("linux.netDevices: moving network devices (runtime-spec 1.3) is not supported; a createRuntime hook can do it");
        }
        SpecCheck.CheckText("linux.cgroupsPath", linux?.CgroupsPath, errors);
        IntelRdt.Check(linux?.IntelRdt, errors);
        SeccompCheck.Check(linux?.Seccomp, errors);
    }
}
