using Gantry.Faults;

namespace Gantry.Images.Tar;

/// <summary>Names in archives as relative paths.</summary>
public static class TarPath
{
    /// <summary>
    /// The name without leading slash, <c>.</c> components and doubled slashes; <c>""</c> is the root. <c>InvalidArgument</c> when it
    /// climbs out of the root by <c>..</c>.
    /// </summary>
    public static string Clean(string name)
    {
        if (IsClean(name))
        {
            return name;
        }
        var parts = new List<string>();
        foreach (var part in name.Split('/'))
        {
            switch (part)
            {
                case "" or ".":
                    break;
                case ".." when parts.Count == 0:
                    throw new FaultException(FaultKind.InvalidArgument, $"tar entry \"{name}\" climbs out of its root");
                case "..":
                    parts.RemoveAt(parts.Count - 1);
                    break;
                default:
                    parts.Add(part);
                    break;
            }
        }
        return string.Join('/', parts);
    }

    /// <summary>
    /// How deep directories may be nested where a walk keeps one open for each level. A path of Linux holds at most 2,047
    /// directories (PATH_MAX); real trees stay below a hundred.
    /// </summary>
    public const int MaxDepth = 1000;

    /// <summary>The fault for a tree that is deeper.</summary>
    public static FaultException TooDeep(string path) => new(FaultKind.InvalidArgument,
        $"directories are nested deeper than {MaxDepth} levels below {(path.Length > 60 ? path[..60] + "..." : path)}");

    /// <summary>The directory part, or <c>""</c>.</summary>
    public static string Parent(string path)
    {
        var slash = path.LastIndexOf('/');
        return slash < 0 ? "" : path[..slash];
    }

    /// <summary>The last component.</summary>
    public static string Base(string path) => path[(path.LastIndexOf('/') + 1)..];

    /// <summary>Two paths as one.</summary>
    public static string Join(string directory, string name) =>
        directory.Length == 0 ? name : name.Length == 0 ? directory : $"{directory}/{name}";

    private static bool IsClean(string name)
    {
        foreach (var range in name.AsSpan().Split('/'))
        {
            if (name.AsSpan()[range] is "" or "." or "..")
            {
                return false;
            }
        }
        return true;
    }
}
