using System.Globalization;
using Gantry.Faults;
using Gantry.Linux.Trees;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Specs;

/// <summary>Finds user and group numbers in a root file system's own /etc/passwd and /etc/group, without leaving it by a link.</summary>
internal sealed class UserLookup
{
    private readonly List<string[]> _users;
    private readonly List<string[]> _groups;

    internal UserLookup(string root)
    {
        using Tree tree = Tree.Open(root, TreeResolve.InRoot);
        _users = ReadLines(tree, "etc/passwd", 7);
        _groups = ReadLines(tree, "etc/group", 4);
    }

    /// <summary>The home directory of a user number, or null.</summary>
    internal string? HomeOf(uint user) => _users.Find(fields => fields[2] == user.ToString(CultureInfo.InvariantCulture))?[5];

    /// <summary>
    /// Resolves user[:group] and supplementary groups. Without a group it is the user's own, with its memberships; an unknown
    /// name is <c>InvalidArgument</c>, an unknown number is taken as it is.
    /// </summary>
    internal UserSpec Resolve(string user, IReadOnlyList<string> supplementary)
    {
        string[] parts = user.Split(':', 2);
        uint uid = 0;
        uint gid = 0;
        string? name = null;
        if (parts[0].Length > 0)
        {
            string[]? entry = Find(_users, parts[0]);
            uid = entry is not null ? Number(entry[2]) : ParseNumber(parts[0]) ?? throw Unknown("user", parts[0]);
            gid = entry is not null ? Number(entry[3]) : 0;
            name = entry?[0];
        }
        else if (_users.Find(fields => fields[2] == "0") is { } root)
        {
            gid = Number(root[3]);
            name = root[0];
        }

        List<uint> groups = [];
        if (parts.Length == 2 && parts[1].Length > 0)
        {
            gid = Group(parts[1]);
        }
        else if (name is not null)
        {
            groups.AddRange(_groups.Where(fields => fields[3].Split(',').Contains(name)).Select(fields => Number(fields[2])));
        }

        groups.AddRange(supplementary.Select(Group));
        // The first group is among the supplementary ones as well, as with login(1).
        groups.Insert(0, gid);
        return new UserSpec { Uid = uid, Gid = gid, AdditionalGids = [.. groups.Distinct()] };
    }

    private uint Group(string group) =>
        Find(_groups, group) is { } entry ? Number(entry[2]) : ParseNumber(group) ?? throw Unknown("group", group);

    private static string[]? Find(List<string[]> entries, string key) =>
        entries.Find(fields => fields[0] == key) ?? entries.Find(fields => fields[2] == key);

    private static uint? ParseNumber(string text) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) ? number : null;

    private static uint Number(string text) => ParseNumber(text) ?? 0;

    private static FaultException Unknown(string kind, string name) =>
        new(FaultKind.InvalidArgument, $"unable to find {kind} {name}: no matching entries in {(kind == "user" ? "passwd" : "group")} file");

    private static List<string[]> ReadLines(Tree tree, string path, int fields)
    {
        if (tree.TryStat(path) is null)
        {
            return [];
        }

        using FileStream stream = tree.OpenRead(path, follow: true);
        using StreamReader reader = new(stream);
        List<string[]> lines = [];
        while (reader.ReadLine() is { } line)
        {
            string[] parts = line.Split(':');
            if (parts.Length >= fields)
            {
                lines.Add(parts);
            }
        }

        return lines;
    }
}
