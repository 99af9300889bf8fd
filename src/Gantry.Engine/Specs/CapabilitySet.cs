using Gantry.Faults;

namespace Gantry.Engine.Specs;

/// <summary>Capabilities after additions and removals.</summary>
internal static class CapabilitySet
{
    /// <summary>Applies --cap-add and --cap-drop to the default set: with ALL added everything but the dropped, with ALL dropped only the added.</summary>
    internal static List<string> Resolve(IReadOnlyList<string> add, IReadOnlyList<string> drop, bool privileged)
    {
        if (privileged)
        {
            return [.. DefaultConfinement.AllCapabilities];
        }

        HashSet<string> added = [.. add.Select(Normalize)];
        HashSet<string> dropped = [.. drop.Select(Normalize)];
        IEnumerable<string> start = added.Contains("ALL") ? DefaultConfinement.AllCapabilities
            : dropped.Contains("ALL") ? []
            : DefaultConfinement.Capabilities.Where(name => !dropped.Contains(name));
        return [.. start.Where(name => !dropped.Contains(name)).Concat(added.Where(name => name != "ALL")).Distinct().Order(StringComparer.Ordinal)];
    }

    private static string Normalize(string name)
    {
        string upper = name.ToUpperInvariant();
        if (upper == "ALL")
        {
            return upper;
        }

        string full = upper.StartsWith("CAP_", StringComparison.Ordinal) ? upper : "CAP_" + upper;
        return DefaultConfinement.AllCapabilities.Contains(full)
            ? full
            : throw new FaultException(FaultKind.InvalidArgument, $"invalid capability \"{name}\": unknown capability");
    }
}
