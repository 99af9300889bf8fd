using Gantry.Faults;

namespace Gantry.Runtime.Systemd;

/// <summary>Which unit a container gets, and in which slice: linux.cgroupsPath as "slice:prefix:name".</summary>
internal sealed record UnitPlacement(string Slice, string Unit)
{
    /// <summary>Of a container whose configuration does not say.</summary>
    private const string DefaultPrefix = "gantry";

    private const string SliceEnding = ".slice";

    /// <summary>The group's path below the manager's own.</summary>
    public string Path => ExpandSlice(Slice) + "/" + Unit;

    public static UnitPlacement Parse(string? cgroupsPath, string id, bool isUser)
    {
        var defaultSlice = isUser ? "user.slice" : "system.slice";
        if (string.IsNullOrEmpty(cgroupsPath))
        {
            return new UnitPlacement(defaultSlice, $"{DefaultPrefix}-{id}.scope");
        }
        if (cgroupsPath.Split(':') is not [var slice, var prefix, var name] || name.Length == 0)
        {
            throw new FaultException(
                FaultKind.InvalidArgument,
                $"linux.cgroupsPath {cgroupsPath}: with --systemd-cgroup it must be slice:prefix:name, as system.slice:gantry:{id}");
        }
        if (name.EndsWith(SliceEnding, StringComparison.Ordinal))
        {
            throw new FaultException(
                FaultKind.InvalidArgument, $"linux.cgroupsPath {cgroupsPath}: {name} is a slice, which holds no processes; name a scope");
        }
        var unit = $"{prefix}-{name}.scope";
        if (unit.Contains('/'))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"linux.cgroupsPath {cgroupsPath}: a unit's name has no /");
        }
        slice = slice.Length == 0 ? defaultSlice : slice;
        _ = ExpandSlice(slice);
        return new UnitPlacement(slice, unit);
    }

    /// <summary>A slice's name says where it lies: a-b.slice is in a.slice (systemd.slice(5)).</summary>
    private static string ExpandSlice(string slice)
    {
        if (!slice.EndsWith(SliceEnding, StringComparison.Ordinal) || slice.Length == SliceEnding.Length || slice.Contains('/'))
        {
            throw Invalid(slice);
        }
        var name = slice[..^SliceEnding.Length];
        if (name == "-")
        {
            return "";
        }
        var path = "";
        var prefix = "";
        foreach (var part in name.Split('-'))
        {
            if (part.Length == 0)
            {
                throw Invalid(slice);
            }
            path += $"/{prefix}{part}{SliceEnding}";
            prefix += part + "-";
        }
        return path;
    }

    private static FaultException Invalid(string slice) => new(
        FaultKind.InvalidArgument, $"linux.cgroupsPath: \"{slice}\" is not the name of a slice, as system.slice or a-b.slice");
}
