using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;
using Gantry.Runtime.Rootfs;

namespace Gantry.Runtime.Create;

/// <summary>What a configuration asks for that the kernel, or this process, cannot give, and a container can do without.</summary>
internal static class LeftOut
{
    /// <summary>Warns of each.</summary>
    public static void Warn(RuntimeSpec spec)
    {
        var missing = string.Join(", ", CapabilitySets.Missing(spec.Process?.Capabilities));
        if (missing.Length > 0)
        {
            CommandOutput.Warn($"process.capabilities: {missing}: left out, since the kernel or this process does not have them");
        }
        if (spec.Process?.Capabilities is { Ambient.Count: > 0 } sets
            && sets.Ambient.Except(sets.Inheritable ?? []).Union(sets.Ambient.Except(sets.Permitted ?? [])).ToList() is { Count: > 0 } vain)
        {
            CommandOutput.Warn(string.Join(
                "; ", vain.Select(static name => $"can't raise ambient capability {name}: it is not both inheritable and permitted")));
        }
        if (spec.Linux?.MountLabel is { Length: > 0 } label && !SecurityLabel.HasSelinux)
        {
            CommandOutput.Warn($"linux.mountLabel \"{label}\": left out, since this kernel has no SELinux");
        }
        for (var i = 0; i < (spec.Mounts?.Count ?? 0); i++)
        {
            var options = MountOptions.Parse(spec.Mounts![i].Options);
            if ((options.IsBind || spec.Mounts[i].Type == "bind") && options.Data.Count > 0)
            {
                CommandOutput.Warn(
                    $"mounts[{i}].options: {string.Join(", ", options.Data)}: left out: unknown, or a file system's, which a bind mount cannot change");
            }
        }
    }
}
