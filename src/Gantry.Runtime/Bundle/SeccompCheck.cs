using Gantry.Linux.Seccomp;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Bundle;

/// <summary>Checks a system call filter.</summary>
internal static class SeccompCheck
{
    private const string Notify = "SCMP_ACT_NOTIFY";
    private const uint MaxErrno = 4095;

    public static void Check(SeccompSpec? seccomp, List<string> errors)
    {
        if (seccomp is null)
        {
            return;
        }
        const string at = "linux.seccomp";
        CheckAction($"{at}.defaultAction", seccomp.DefaultAction, errors);
        CheckErrno($"{at}.defaultErrnoRet", seccomp.DefaultAction, seccomp.DefaultErrnoRet, errors);
        if (seccomp.DefaultAction == Notify)
        {
            errors.Add($"{at}.defaultAction: {Notify} would stop the runtime itself; name the calls in syscalls");
        }
        foreach (var flag in seccomp.Flags ?? [])
        {
            if (SeccompFilter.Flag(flag) == 0)
            {
                errors.Add($"{at}.flags: there is no \"{flag}\"; one is {string.Join(", ", SeccompFilter.FlagNames)}");
            }
        }
        var notifies = false;
        for (var i = 0; i < (seccomp.Syscalls?.Count ?? 0); i++)
        {
            var rule = seccomp.Syscalls![i];
            notifies |= rule.Action == Notify;
            CheckAction($"{at}.syscalls[{i}].action", rule.Action, errors);
            CheckErrno($"{at}.syscalls[{i}].errnoRet", rule.Action, rule.ErrnoRet, errors);
            if (rule.Names.Count == 0)
            {
                errors.Add($"{at}.syscalls[{i}].names: must name a system call");
            }
            CheckArguments($"{at}.syscalls[{i}].args", rule.Args ?? [], errors);
        }
        if (notifies && string.IsNullOrEmpty(seccomp.ListenerPath))
        {
            errors.Add($"{at}.listenerPath: required with {Notify}; the socket of the agent that answers");
        }
        if (seccomp.ListenerPath is { Length: > 0 } path && !path.StartsWith('/'))
        {
            errors.Add($"{at}.listenerPath: \"{path}\" must be absolute");
        }
        if (string.IsNullOrEmpty(seccomp.ListenerPath) && !string.IsNullOrEmpty(seccomp.ListenerMetadata))
        {
            errors.Add($"{at}.listenerMetadata: needs listenerPath");
        }
    }

    private static void CheckAction(string field, string action, List<string> errors)
    {
        if (!SeccompProgram.IsAction(action))
        {
            errors.Add($"{field}: there is no \"{action}\"; one is SCMP_ACT_ERRNO, SCMP_ACT_ALLOW and the like");
        }
    }

    private static void CheckErrno(string field, string action, uint? value, List<string> errors)
    {
        if (value is not null && action is not ("SCMP_ACT_ERRNO" or "SCMP_ACT_TRACE"))
        {
            errors.Add($"{field}: {action} returns none; remove it");
        }
        else if (value > MaxErrno && action == "SCMP_ACT_ERRNO")
        {
            errors.Add($"{field}: {value} is no errno, the last is {MaxErrno}");
        }
    }

    private static void CheckArguments(string field, List<SeccompArgSpec> arguments, List<string> errors)
    {
        foreach (var item in arguments)
        {
            if (item.Index > 5)
            {
                errors.Add($"{field}: a system call has arguments 0 to 5, not {item.Index}");
            }
            if (!SeccompProgram.IsOperator(item.Op))
            {
                errors.Add($"{field}: there is no operator \"{item.Op}\"; one is SCMP_CMP_EQ and the like");
            }
        }
    }
}
