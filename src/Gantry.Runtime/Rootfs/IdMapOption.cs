using System.Globalization;
using Gantry.Faults;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Rootfs;

/// <summary>
/// The map of a mount option idmap=: triplets of the first id in the file system, the first one on the host, and their number. With
/// @ the second counts in the container's user namespace.
/// </summary>
internal sealed class IdMapOption
{
    private readonly List<(IdMappingSpec Map, bool IsRelative)> _users = [];
    private readonly List<(IdMappingSpec Map, bool IsRelative)> _groups = [];

    private IdMapOption()
    {
    }

    public bool IsValid { get; private set; } = true;

    public static IdMapOption Parse(string text)
    {
        var result = new IdMapOption();
        foreach (var part in text.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            result.IsValid &= part switch
            {
                _ when part.StartsWith("uids=", StringComparison.Ordinal) => TryAdd(part[5..], result._users),
                _ when part.StartsWith("gids=", StringComparison.Ordinal) => TryAdd(part[5..], result._groups),
                _ => false,
            };
        }
        result.IsValid &= result._users.Count > 0 && result._groups.Count > 0;
        return result;
    }

    /// <summary>The maps for a container.</summary>
    public (List<IdMappingSpec> Users, List<IdMappingSpec> Groups) Resolve(LinuxSpec? linux) =>
        (Resolve(_users, linux?.UidMappings), Resolve(_groups, linux?.GidMappings));

    private static bool TryAdd(string text, List<(IdMappingSpec Map, bool IsRelative)> maps)
    {
        foreach (var item in text.Split('#', StringSplitOptions.RemoveEmptyEntries))
        {
            if (item.TrimStart('@').Split('-') is not [var first, var second, var size] || !TryNumber(first, out var inside)
                || !TryNumber(second, out var outside) || !TryNumber(size, out var count))
            {
                return false;
            }
            maps.Add((new IdMappingSpec { ContainerID = inside, HostID = outside, Size = count }, item.StartsWith('@')));
        }
        return true;
    }

    private static bool TryNumber(string text, out uint number) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static List<IdMappingSpec> Resolve(List<(IdMappingSpec Map, bool IsRelative)> maps, List<IdMappingSpec>? container) =>
        maps.ConvertAll(item =>
        {
            if (!item.IsRelative)
            {
                return item.Map;
            }
            var range = container?.Find(map => item.Map.HostID >= map.ContainerID && item.Map.HostID - map.ContainerID < map.Size)
                ?? throw new FaultException(
                    FaultKind.InvalidArgument, $"idmap=: @ counts in the container's user namespace, which has no id {item.Map.HostID}");
            return new IdMappingSpec
            {
                ContainerID = item.Map.ContainerID,
                HostID = item.Map.HostID - range.ContainerID + range.HostID,
                Size = item.Map.Size,
            };
        });
}
