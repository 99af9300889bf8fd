using Gantry.Faults;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Hooks;

namespace Gantry.Runtime.Bundle;

/// <summary>Checks a configuration before anything is made, and reports every error at once.</summary>
internal static class SpecCheck
{
    private const int MaxErrors = 32;

    public static void Check(RuntimeSpec spec, string name)
    {
        List<string> errors = [];
        if (!spec.OciVersion.StartsWith("1.", StringComparison.Ordinal))
        {
            errors.Add($"ociVersion: \"{spec.OciVersion}\" is not supported, 1.x is");
        }
        CheckText("root.path", spec.Root?.Path, errors);
        if (string.IsNullOrEmpty(spec.Root?.Path))
        {
            errors.Add("root.path: required; a directory, absolute or relative to the bundle");
        }
        if (spec.Process is { } process)
        {
            ProcessCheck.Check(process, errors);
        }
        NamespaceCheck.Check(spec, errors);
        SysctlCheck.Check(spec.Linux, errors);
        MountCheck.Check(spec, errors);
        LinuxCheck.Check(spec.Linux, errors);
        CheckHooks(spec.Hooks, errors);
        Throw(errors, name);
    }

    /// <summary>Checks a process by itself: an exec's.</summary>
    public static void CheckProcess(ProcessSpec process, string name)
    {
        List<string> errors = [];
        ProcessCheck.Check(process, errors);
        Throw(errors, name);
    }

    /// <summary>Checks a filter by itself.</summary>
    public static void CheckSeccomp(SeccompSpec seccomp, string name)
    {
        List<string> errors = [];
        SeccompCheck.Check(seccomp, errors);
        Throw(errors, name);
    }

    /// <summary>A zero byte would end the text for the kernel, and so name something else than the text says.</summary>
    public static void CheckText(string field, string? text, List<string> errors)
    {
        if (text?.Contains('\0') == true)
        {
            errors.Add($"{field}: has a zero byte; remove it");
        }
    }

    private static void Throw(List<string> errors, string name)
    {
        if (errors.Count > MaxErrors)
        {
            errors = [.. errors[..MaxErrors], $"and {errors.Count - MaxErrors} more"];
        }
        if (errors.Count > 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{name}: {string.Join("; ", errors)}");
        }
    }

    private static void CheckHooks(HooksSpec? hooks, List<string> errors)
    {
        foreach (var (point, list) in HookRunner.Points(hooks))
        {
            for (var i = 0; i < list.Count; i++)
            {
                var at = $"hooks.{point}[{i}]";
                if (list[i].Path is not ['/', ..])
                {
                    errors.Add($"{at}.path: \"{list[i].Path}\" must be absolute");
                }
                if (list[i].Timeout is <= 0)
                {
                    errors.Add($"{at}.timeout: {list[i].Timeout} must be above zero; leave it out to wait without limit");
                }
                CheckText($"{at}.path", list[i].Path, errors);
                foreach (var text in (list[i].Args ?? []).Concat(list[i].Env ?? []))
                {
                    CheckText(at, text, errors);
                }
            }
        }
    }
}
