using Gantry.Faults;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Bundle;

/// <summary>Checks a configuration before anything is made, and reports every error at once.</summary>
internal static class SpecCheck
{
    private static readonly string[] NamespaceTypes = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup"];

    /// <summary>Names of the fields of sysctl that a namespace isolates, and the namespace.</summary>
    private static readonly (string Prefix, string Namespace)[] NamespacedSysctls =
    [
        ("net.", "network"), ("fs.mqueue.", "ipc"), ("kernel.msgmax", "ipc"), ("kernel.msgmnb", "ipc"),
        ("kernel.msgmni", "ipc"), ("kernel.sem", "ipc"), ("kernel.shmall", "ipc"), ("kernel.shmmax", "ipc"),
        ("kernel.shmmni", "ipc"), ("kernel.shm_rmid_forced", "ipc"), ("kernel.domainname", "uts"),
    ];

    public static void Check(RuntimeSpec spec, string name)
    {
        List<string> errors = [];
        if (!spec.OciVersion.StartsWith("1.", StringComparison.Ordinal))
        {
            errors.Add($"ociVersion: \"{spec.OciVersion}\" is not supported, 1.x is");
        }
        if (string.IsNullOrEmpty(spec.Root?.Path))
        {
            errors.Add("root.path: required");
        }
        var namespaces = spec.Linux?.Namespaces ?? [];
        CheckNamespaces(namespaces, errors);
        CheckMounts(spec.Mounts, errors);
        if (spec.Process is { } process)
        {
            CheckProcess(process, "process", errors);
        }
        CheckNames(spec, namespaces, errors);
        CheckSysctls(spec.Linux?.Sysctl, namespaces, errors);
        CheckDevices(spec.Linux?.Devices, errors);
        CheckHooks(spec.Hooks, errors);
        Throw(errors, name);
    }

    public static void CheckProcess(ProcessSpec process, string name)
    {
        List<string> errors = [];
        CheckProcess(process, "process", errors);
        Throw(errors, name);
    }

    private static void Throw(List<string> errors, string name)
    {
        if (errors.Count > 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{name}: {string.Join("; ", errors)}");
        }
    }

    private static void CheckNamespaces(List<NamespaceSpec> namespaces, List<string> errors)
    {
        HashSet<string> seen = [];
        for (var i = 0; i < namespaces.Count; i++)
        {
            var item = namespaces[i];
            if (item is null || !NamespaceTypes.Contains(item.Type))
            {
                errors.Add($"linux.namespaces[{i}].type: \"{item?.Type}\" is not one of {string.Join(", ", NamespaceTypes)}");
            }
            else if (!seen.Add(item.Type))
            {
                errors.Add($"linux.namespaces[{i}].type: {item.Type} is listed twice");
            }
            else if (!string.IsNullOrEmpty(item.Path) && !item.Path.StartsWith('/'))
            {
                errors.Add($"linux.namespaces[{i}].path: \"{item.Path}\" must be absolute");
            }
        }
    }

    private static void CheckMounts(List<MountSpec>? mounts, List<string> errors)
    {
        for (var i = 0; i < (mounts?.Count ?? 0); i++)
        {
            if (string.IsNullOrEmpty(mounts![i]?.Destination))
            {
                errors.Add($"mounts[{i}].destination: required");
            }
        }
    }

    private static void CheckProcess(ProcessSpec process, string at, List<string> errors)
    {
        if (process.Args is null || process.Args.Count == 0 || process.Args.Any(string.IsNullOrEmpty) && string.IsNullOrEmpty(process.Args[0]))
        {
            errors.Add($"{at}.args: must name a program");
        }
        if (string.IsNullOrEmpty(process.Cwd) || !process.Cwd.StartsWith('/'))
        {
            errors.Add($"{at}.cwd: \"{process.Cwd}\" must be an absolute path");
        }
        foreach (var text in (process.Args ?? []).Concat(process.Env ?? []))
        {
            if (text is null || text.Contains('\0'))
            {
                errors.Add($"{at}: args and env must be strings without a zero byte");
            }
        }
        HashSet<string> seen = [];
        foreach (var limit in process.Rlimits ?? [])
        {
            if (limit is null || SysResource.Number(limit.Type) < 0)
            {
                errors.Add($"{at}.rlimits: there is no {limit?.Type}");
            }
            else if (!seen.Add(limit.Type))
            {
                errors.Add($"{at}.rlimits: {limit.Type} is listed twice");
            }
            else if (limit.Soft > limit.Hard)
            {
                errors.Add($"{at}.rlimits: {limit.Type} has a soft limit above its hard limit");
            }
        }
    }

    private static void CheckNames(RuntimeSpec spec, List<NamespaceSpec> namespaces, List<string> errors)
    {
        var hasUts = namespaces.Any(static item => item?.Type == "uts");
        if (!hasUts && !string.IsNullOrEmpty(spec.Hostname))
        {
            errors.Add("hostname: needs a uts namespace");
        }
        if (!hasUts && !string.IsNullOrEmpty(spec.Domainname))
        {
            errors.Add("domainname: needs a uts namespace");
        }
        if (spec.Linux?.RootfsPropagation is { Length: > 0 } propagation
            && !Rootfs.MountOptions.TryPropagation(propagation, out _, out _))
        {
            errors.Add($"linux.rootfsPropagation: \"{propagation}\" is not private, slave, shared or unbindable");
        }
    }

    private static void CheckSysctls(Dictionary<string, string>? sysctls, List<NamespaceSpec> namespaces, List<string> errors)
    {
        foreach (var key in sysctls?.Keys ?? Enumerable.Empty<string>())
        {
            var name = key.Replace('/', '.');
            var match = NamespacedSysctls.FirstOrDefault(item => name.StartsWith(item.Prefix, StringComparison.Ordinal));
            if (match.Prefix is null || name.Contains("..", StringComparison.Ordinal))
            {
                errors.Add($"linux.sysctl: {key} is not isolated by any namespace and would change the host");
            }
            else if (!namespaces.Any(item => item?.Type == match.Namespace))
            {
                errors.Add($"linux.sysctl: {key} needs a {match.Namespace} namespace");
            }
        }
    }

    private static void CheckDevices(List<DeviceSpec>? devices, List<string> errors)
    {
        for (var i = 0; i < (devices?.Count ?? 0); i++)
        {
            if (devices![i] is not { Path: ['/', ..], Type: "c" or "b" or "u" or "p" })
            {
                errors.Add($"linux.devices[{i}]: needs an absolute path and a type of c, b, u or p");
            }
        }
    }

    private static void CheckHooks(HooksSpec? hooks, List<string> errors)
    {
        List<HookSpec>?[] all =
        [
            hooks?.Prestart, hooks?.CreateRuntime, hooks?.CreateContainer, hooks?.StartContainer, hooks?.Poststart,
            hooks?.Poststop,
        ];
        foreach (var hook in all.OfType<List<HookSpec>>().SelectMany(static list => list))
        {
            if (hook?.Path is not ['/', ..])
            {
                errors.Add($"hooks: the path \"{hook?.Path}\" must be absolute");
            }
            else if (hook.Timeout is <= 0)
            {
                errors.Add($"hooks: the timeout of {hook.Path} must be above zero");
            }
        }
    }
}
