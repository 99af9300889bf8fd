using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Bundle;

/// <summary>Checks the namespaces, and what depends on having them: names, id maps, clock offsets.</summary>
internal static class NamespaceCheck
{
    private const uint NanosecondsPerSecond = 1_000_000_000;

    private static readonly string[] Types = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"];

    public static void Check(RuntimeSpec spec, List<string> errors)
    {
        var linux = spec.Linux ?? new LinuxSpec();
        CheckList(linux.Namespaces ?? [], errors);
        var uts = Find(linux, "uts");
        CheckName("hostname", spec.Hostname, uts, errors);
        CheckName("domainname", spec.Domainname, uts, errors);
        CheckMappings(linux, errors);
        CheckOffsets(linux, errors);
    }

    public static NamespaceSpec? Find(LinuxSpec? linux, string type) => linux?.Namespaces?.Find(item => item.Type == type);

    public static void CheckIds(string field, List<IdMappingSpec>? mappings, List<string> errors)
    {
        for (var i = 0; i < (mappings?.Count ?? 0); i++)
        {
            var item = mappings![i];
            if (item.Size == 0)
            {
                errors.Add($"{field}[{i}].size: must be above zero");
            }
            else if ((ulong)item.ContainerID + item.Size > uint.MaxValue || (ulong)item.HostID + item.Size > uint.MaxValue)
            {
                errors.Add($"{field}[{i}].size: {item.Size} goes past the last id, {uint.MaxValue - 1}");
            }
        }
    }

    private static void CheckList(List<NamespaceSpec> namespaces, List<string> errors)
    {
        HashSet<string> seen = [];
        for (var i = 0; i < namespaces.Count; i++)
        {
            var (at, item) = ($"linux.namespaces[{i}]", namespaces[i]);
            if (!Types.Contains(item.Type))
            {
                errors.Add($"{at}.type: \"{item.Type}\" is not one of {string.Join(", ", Types)}");
            }
            else if (!seen.Add(item.Type))
            {
                errors.Add($"{at}.type: {item.Type} is listed twice; keep one");
            }
            if (!string.IsNullOrEmpty(item.Path) && !item.Path.StartsWith('/'))
            {
                errors.Add($"{at}.path: \"{item.Path}\" must be absolute");
            }
            SpecCheck.CheckText($"{at}.path", item.Path, errors);
        }
    }

    private static void CheckName(string field, string? name, NamespaceSpec? uts, List<string> errors)
    {
        if (string.IsNullOrEmpty(name))
        {
            return;
        }
        if (uts is null)
        {
            errors.Add($"{field}: needs a uts namespace, else it would be the host's; add one to linux.namespaces or remove it");
        }
        if (System.Text.Encoding.UTF8.GetByteCount(name) > 64)
        {
            errors.Add($"{field}: is longer than 64 bytes (sethostname(2))");
        }
    }

    private static void CheckMappings(LinuxSpec linux, List<string> errors)
    {
        var user = Find(linux, "user");
        var given = linux.UidMappings is { Count: > 0 } || linux.GidMappings is { Count: > 0 };
        if (user is null && given)
        {
            errors.Add("linux.uidMappings, linux.gidMappings: need a user namespace; add one to linux.namespaces or remove them");
        }
        // Beside a user namespace to join maps say nothing: it has its own. Podman gives both.
        else if (user is not null && string.IsNullOrEmpty(user.Path))
        {
            if (linux.UidMappings is not { Count: > 0 })
            {
                errors.Add("linux.uidMappings: required for a new user namespace");
            }
            if (linux.GidMappings is not { Count: > 0 })
            {
                errors.Add("linux.gidMappings: required for a new user namespace");
            }
        }
        CheckIds("linux.uidMappings", linux.UidMappings, errors);
        CheckIds("linux.gidMappings", linux.GidMappings, errors);
    }

    private static void CheckOffsets(LinuxSpec linux, List<string> errors)
    {
        if (linux.TimeOffsets is not { Count: > 0 } offsets)
        {
            return;
        }
        var time = Find(linux, "time");
        if (time is null)
        {
            errors.Add("linux.timeOffsets: need a time namespace; add one to linux.namespaces");
        }
        else if (!string.IsNullOrEmpty(time.Path))
        {
            errors.Add("linux.timeOffsets: the time namespace that is joined has its own; remove them");
        }
        foreach (var (clock, offset) in offsets)
        {
            if (clock is not ("monotonic" or "boottime"))
            {
                errors.Add($"linux.timeOffsets.{clock}: is not monotonic or boottime");
            }
            if (offset.Nanosecs >= NanosecondsPerSecond)
            {
                errors.Add($"linux.timeOffsets.{clock}.nanosecs: {offset.Nanosecs} is a second or more");
            }
        }
    }
}
