using System.Globalization;
using Gantry.Engine.Containers;
using Gantry.Faults;
using Gantry.Linux.Trees;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Specs;

/// <summary>Devices that a container has beside the runtime's own (null, zero, full, random, urandom, tty, ptmx, console).</summary>
internal static class DeviceTranslation
{
    internal static List<DeviceSpec>? Devices(SecuritySpec security)
    {
        List<DeviceSpec> devices = [.. security.Devices.SelectMany(Expand).Select(found => found.Device)];
        if (security.Privileged)
        {
            devices.AddRange(HostDevices("/dev", "/dev"));
        }

        return devices.Count == 0 ? null : [.. devices.DistinctBy(device => device.Path)];
    }

    /// <summary>The device group's rules: everything for privileged containers; else nothing, then nodes may be made, then what is listed.</summary>
    internal static List<DeviceRuleSpec> Rules(SecuritySpec security)
    {
        if (security.Privileged)
        {
            return [new DeviceRuleSpec { Allow = true, Access = "rwm" }];
        }

        List<DeviceRuleSpec> rules =
        [
            new() { Allow = false, Access = "rwm" },
            new() { Allow = true, Type = "c", Access = "m" },
            new() { Allow = true, Type = "b", Access = "m" },
        ];
        // null, zero, full, random, urandom, tty, console, ptmx, and pseudo terminals (devices.txt of the kernel).
        foreach ((long major, long? minor) in ((long, long?)[])[(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, null)])
        {
            rules.Add(new DeviceRuleSpec { Allow = true, Type = "c", Major = major, Minor = minor, Access = "rwm" });
        }

        rules.AddRange(security.Devices.SelectMany(Expand).Select(found => new DeviceRuleSpec
        {
            Allow = true,
            Type = found.Device.Type,
            Major = found.Device.Major,
            Minor = found.Device.Minor,
            Access = found.Permissions,
        }));
        rules.AddRange(security.DeviceRules.Select(ParseRule));
        return rules;
    }

    private static IEnumerable<(DeviceSpec Device, string Permissions)> Expand(DeviceMapping mapping)
    {
        string permissions = mapping.Permissions.Length > 0 ? mapping.Permissions : "rwm";
        if (Directory.Exists(mapping.HostPath))
        {
            return HostDevices(mapping.HostPath, mapping.ContainerPath).Select(device => (device, permissions));
        }

        return Describe(mapping.HostPath, mapping.ContainerPath) is { } one
            ? [(one, permissions)]
            : throw new FaultException(FaultKind.InvalidArgument, $"error gathering device information while adding custom device \"{mapping.HostPath}\": no such file or directory");
    }

    private static IEnumerable<DeviceSpec> HostDevices(string directory, string target)
    {
        foreach (string path in Directory.EnumerateFileSystemEntries(directory))
        {
            string name = Path.GetFileName(path);
            // What the runtime makes itself, and what is private to the host.
            if (name is "pts" or "shm" or "mqueue" or "console" or "ptmx" or "fd" or ".lxc" or ".udev" || new FileInfo(path).LinkTarget is not null)
            {
                continue;
            }

            if (Directory.Exists(path))
            {
                foreach (DeviceSpec device in HostDevices(path, $"{target}/{name}"))
                {
                    yield return device;
                }
            }
            else if (Describe(path, $"{target}/{name}") is { } device)
            {
                yield return device;
            }
        }
    }

    private static DeviceSpec? Describe(string path, string target)
    {
        string resolved = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        using Tree parent = Tree.Open(Path.GetDirectoryName(resolved)!);
        return parent.TryStat(Path.GetFileName(resolved)) is { } stat && (stat.IsCharacterDevice || stat.IsBlockDevice)
            ? new DeviceSpec
            {
                Type = stat.IsBlockDevice ? "b" : "c",
                Path = target,
                Major = stat.Device.Major,
                Minor = stat.Device.Minor,
                FileMode = stat.Permissions,
                Uid = stat.Uid,
                Gid = stat.Gid,
            }
            : null;
    }

    private static DeviceRuleSpec ParseRule(string rule)
    {
        string[] words = rule.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] numbers = words.Length == 3 ? words[1].Split(':') : [];
        if (numbers.Length != 2 || words[0] is not ("a" or "b" or "c"))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid device cgroup rule format: '{rule}'");
        }

        static long? Number(string text) => text == "*" ? null : long.Parse(text, CultureInfo.InvariantCulture);
        return new DeviceRuleSpec { Allow = true, Type = words[0], Major = Number(numbers[0]), Minor = Number(numbers[1]), Access = words[2] };
    }
}
