using System.Globalization;
using Gantry.Faults;
using Gantry.Linux.Trees;

namespace Gantry.Build.Execution;

/// <summary>Resolves <c>--chown=user[:group]</c> against the image's own /etc/passwd and /etc/group.</summary>
internal static class Ownership
{
    public static (uint Uid, uint Gid) Resolve(Tree root, string chown)
    {
        var colon = chown.IndexOf(':', StringComparison.Ordinal);
        var user = colon < 0 ? chown : chown[..colon];
        var group = colon < 0 ? "" : chown[(colon + 1)..];
        var uid = Find(root, "etc/passwd", user, "uid for user");
        // Without a group, a user's number is the group's too (Dockerfile reference).
        var gid = group.Length > 0 ? Find(root, "etc/group", group, "gid for group").Id : uid.Primary ?? uid.Id;
        return (uid.Id, gid);
    }

    private static Match Find(Tree root, string file, string name, string what)
    {
        if (name.Length == 0)
        {
            return new Match(0, 0);
        }
        if (uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return new Match(number, null);
        }
        foreach (var line in Lines(root, file))
        {
            var fields = line.Split(':');
            if (fields.Length >= 3 && fields[0] == name && uint.TryParse(fields[2], out var id))
            {
                return new Match(id, fields.Length > 3 && uint.TryParse(fields[3], out var primary) ? primary : null);
            }
        }
        throw new FaultException(FaultKind.InvalidArgument,
            $"unable to convert uid/gid chown string to host mapping: can't find {what} {name}: no such {(what.StartsWith("uid", StringComparison.Ordinal) ? "user" : "group")}: {name}");
    }

    private static string[] Lines(Tree root, string file)
    {
        if (root.TryStatFollowed(file) is not { IsRegular: true })
        {
            return [];
        }
        using var reader = new StreamReader(root.OpenRead(file, follow: true));
        return reader.ReadToEnd().Split('\n');
    }

    private readonly record struct Match(uint Id, uint? Primary);
}
