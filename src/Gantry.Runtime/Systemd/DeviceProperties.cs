using System.Globalization;
using Gantry.Linux.Cgroups;

namespace Gantry.Runtime.Systemd;

/// <summary>
/// Device rules as systemd's DevicePolicy and DeviceAllow, so that it does not open every device again when it looks at the unit
/// anew. It has lists of what is allowed only: other rules are left to the cgroup itself.
/// </summary>
internal static class DeviceProperties
{
    /// <summary>The properties; null for rules that such a list cannot say.</summary>
    public static List<UnitProperty>? Convert(IReadOnlyList<DeviceRule> rules)
    {
        var isClosed = false;
        var isOpen = true;
        List<(string, string)> allowed = [];
        foreach (var rule in rules)
        {
            if (IsEverything(rule))
            {
                (isOpen, isClosed) = (rule.Allow, !rule.Allow);
                allowed.Clear();
                continue;
            }
            if (rule.Allow && isOpen && !isClosed)
            {
                continue; // everything is allowed already
            }
            if (!rule.Allow || !TryAdd(rule, allowed))
            {
                return null;
            }
        }
        var policy = UnitProperty.Of("DevicePolicy", isClosed ? "strict" : "auto");
        // An empty list takes away what was allowed before.
        List<UnitProperty> result = [policy, new("DeviceAllow", "a(ss)", new List<(string, string)>())];
        if (isClosed && allowed.Count > 0)
        {
            result.Add(new("DeviceAllow", "a(ss)", allowed));
        }
        return result;
    }

    private static bool IsEverything(DeviceRule rule) =>
        rule is { Type: 'a', Major: < 0, Minor: < 0 } && rule.Access.Contains('r') && rule.Access.Contains('w') && rule.Access.Contains('m');

    private static bool TryAdd(DeviceRule rule, List<(string, string)> allowed)
    {
        if (rule.Major < 0 && rule.Minor >= 0)
        {
            return false;
        }
        foreach (var (letter, kind) in ((char, string)[])[('c', "char"), ('b', "block")])
        {
            if (rule.Type == letter || rule.Type == 'a')
            {
                var major = rule.Major.ToString(CultureInfo.InvariantCulture);
                allowed.Add((
                    rule.Major < 0 ? $"{kind}-*" : rule.Minor < 0 ? $"{kind}-{major}" : $"/dev/{kind}/{major}:{rule.Minor}", rule.Access));
            }
        }
        return true;
    }
}
