using Gantry.Oci.Runtime;
using Gantry.Runtime.Rootfs;

namespace Gantry.Runtime.Bundle;

/// <summary>Checks mounts, devices and the paths that are hidden or read-only.</summary>
internal static class MountCheck
{
    private const int MaxPath = 4095;

    public static void Check(RuntimeSpec spec, List<string> errors)
    {
        for (var i = 0; i < (spec.Mounts?.Count ?? 0); i++)
        {
            CheckMount($"mounts[{i}]", spec.Mounts![i], spec.Linux, errors);
        }
        var linux = spec.Linux;
        if (linux?.RootfsPropagation is { Length: > 0 } propagation && !MountOptions.TryPropagation(propagation, out _, out _))
        {
            errors.Add($"linux.rootfsPropagation: \"{propagation}\" is not private, slave, shared or unbindable");
        }
        CheckPaths("linux.maskedPaths", linux?.MaskedPaths, errors);
        CheckPaths("linux.readonlyPaths", linux?.ReadonlyPaths, errors);
        for (var i = 0; i < (linux?.Devices?.Count ?? 0); i++)
        {
            CheckDevice($"linux.devices[{i}]", linux!.Devices![i], errors);
        }
    }

    private static void CheckMount(string at, MountSpec mount, LinuxSpec? linux, List<string> errors)
    {
        CheckPath($"{at}.destination", mount.Destination, errors);
        SpecCheck.CheckText($"{at}.source", mount.Source, errors);
        var options = MountOptions.Parse(mount.Options);
        var bind = options.IsBind || mount.Type == "bind";
        if (!bind && !options.IsRemount && mount.Type is null or "" or "none")
        {
            errors.Add($"{at}.type: required, unless options has bind or rbind");
        }
        if (bind && string.IsNullOrEmpty(mount.Source))
        {
            errors.Add($"{at}.source: a bind mount needs one");
        }
        if (!bind && (options.IsIdMapped || mount.UidMappings is { Count: > 0 } || mount.GidMappings is { Count: > 0 }))
        {
            errors.Add($"{at}: only a bind mount can be id-mapped; add bind or rbind to options, or remove the mappings");
        }
        foreach (var option in mount.Options ?? [])
        {
            SpecCheck.CheckText($"{at}.options", option, errors);
        }
        if (mount.UidMappings is { Count: > 0 } != mount.GidMappings is { Count: > 0 })
        {
            errors.Add($"{at}: uidMappings and gidMappings go together; give both");
        }
        if (options is { IsIdMapped: true, IdMap: null } && mount.UidMappings is not { Count: > 0 } && NamespaceCheck.Find(linux, "user") is null)
        {
            errors.Add($"{at}.options: idmap needs uidMappings and gidMappings, or a user namespace to take them from");
        }
        if (options.Error is { } error)
        {
            errors.Add($"{at}.options: {error}");
        }
        NamespaceCheck.CheckIds($"{at}.uidMappings", mount.UidMappings, errors);
        NamespaceCheck.CheckIds($"{at}.gidMappings", mount.GidMappings, errors);
    }

    private static void CheckDevice(string at, DeviceSpec device, List<string> errors)
    {
        CheckPath($"{at}.path", device.Path, errors);
        if (device.Path is not ['/', ..])
        {
            errors.Add($"{at}.path: \"{device.Path}\" must be absolute");
        }
        if (device.Type is not ("c" or "b" or "u" or "p"))
        {
            errors.Add($"{at}.type: \"{device.Type}\" is not c, b, u or p");
        }
        else if (device.Type != "p" && (device.Major is < 0 or > 0xfff || device.Minor is < 0 or > 0xfffff))
        {
            errors.Add($"{at}: {device.Major}:{device.Minor} is no device number (major 0 to 4095, minor 0 to 1048575)");
        }
        if (RootTree.Split(device.Path).Last is "" or "." or "..")
        {
            errors.Add($"{at}.path: \"{device.Path}\" names no file");
        }
    }

    private static void CheckPaths(string field, List<string>? paths, List<string> errors)
    {
        for (var i = 0; i < (paths?.Count ?? 0); i++)
        {
            CheckPath($"{field}[{i}]", paths![i], errors);
            if (paths[i] is not ['/', ..])
            {
                errors.Add($"{field}[{i}]: \"{paths[i]}\" must be absolute");
            }
        }
    }

    private static void CheckPath(string field, string path, List<string> errors)
    {
        if (path.Length == 0)
        {
            errors.Add($"{field}: required");
        }
        else if (System.Text.Encoding.UTF8.GetByteCount(path) > MaxPath)
        {
            errors.Add($"{field}: is longer than {MaxPath} bytes");
        }
        SpecCheck.CheckText(field, path, errors);
    }
}
