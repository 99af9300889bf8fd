using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Bundle;

/// <summary>Checks that kernel parameters belong to a namespace of the container's, so that they do not change the host.</summary>
internal static class SysctlCheck
{
    /// <summary>Names of parameters that a namespace isolates, and the namespace (namespaces(7), sysctl/net.rst, sysctl/user.rst).</summary>
    private static readonly (string Prefix, string Namespace)[] Namespaced =
    [
        ("net.", "network"), ("fs.mqueue.", "ipc"), ("kernel.msgmax", "ipc"), ("kernel.msgmnb", "ipc"),
        ("kernel.msgmni", "ipc"), ("kernel.sem", "ipc"), ("kernel.shmall", "ipc"), ("kernel.shmmax", "ipc"),
        ("kernel.shmmni", "ipc"), ("kernel.shm_rmid_forced", "ipc"), ("kernel.domainname", "uts"), ("user.", "user"),
    ];

    public static void Check(LinuxSpec? linux, List<string> errors)
    {
        foreach (var (key, value) in linux?.Sysctl ?? [])
        {
            var name = Dotted(key);
            var match = Namespaced.FirstOrDefault(
                item => item.Prefix.EndsWith('.') ? name.StartsWith(item.Prefix, StringComparison.Ordinal) : name == item.Prefix);
            if (name == "kernel.hostname")
            {
                errors.Add($"linux.sysctl.{key}: is what the field hostname sets; use that");
            }
            else if (match.Prefix is null || PathOf(key).Split('/').Any(static part => part is "" or "." or ".."))
            {
                errors.Add($"linux.sysctl.{key}: is not isolated by any namespace and would change the host; set it there");
            }
            else if (!OwnsNamespace(linux!, match.Namespace))
            {
                errors.Add(
                    $"linux.sysctl.{key}: needs a {match.Namespace} namespace that is not the host's; add one to linux.namespaces");
            }
            SpecCheck.CheckText($"linux.sysctl.{key}", key + value, errors);
        }
    }

    /// <summary>
    /// The path below /proc/sys. The first separator says which notation it is: "net.ipv4.conf.eth0/1.mtu" has dots for
    /// slashes and the other way round, "net/ipv4/conf/eth0.1/mtu" is the path (sysctl(8)).
    /// </summary>
    public static string PathOf(string key)
    {
        var first = key.AsSpan().IndexOfAny('.', '/');
        return first >= 0 && key[first] == '.'
            ? string.Create(key.Length, key, static (span, text) =>
            {
                for (var i = 0; i < span.Length; i++)
                {
                    span[i] = text[i] switch { '.' => '/', '/' => '.', var other => other };
                }
            })
            : key;
    }

    private static string Dotted(string key) => PathOf(key).Replace('/', '.');

    private static bool OwnsNamespace(LinuxSpec linux, string type)
    {
        if (NamespaceCheck.Find(linux, type) is not { } item)
        {
            return false;
        }
        if (string.IsNullOrEmpty(item.Path))
        {
            return true;
        }
        // A path may lead to the host's namespace just as well.
        var own = $"/proc/self/ns/{(type == "network" ? "net" : type)}";
        return SysStat.TryStatus(Fcntl.AT_FDCWD, item.Path, true, out var theirs) != 0
            || SysStat.TryStatus(Fcntl.AT_FDCWD, own, true, out var ours) != 0
            || theirs.Inode != ours.Inode;
    }
}
