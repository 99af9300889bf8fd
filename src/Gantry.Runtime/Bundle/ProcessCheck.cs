using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Bundle;

/// <summary>Checks a process object.</summary>
internal static class ProcessCheck
{
    private const int MaxIoPriority = 7;
    private const int MinOomScore = -1000;
    private const int MaxOomScore = 1000;

    public static void Check(ProcessSpec process, List<string> errors)
    {
        if (process.Args is not { Count: > 0 } || process.Args[0].Length == 0)
        {
            errors.Add("process.args: must name a program");
        }
        if (process.Cwd is not ['/', ..])
        {
            errors.Add($"process.cwd: \"{process.Cwd}\" must be an absolute path");
        }
        SpecCheck.CheckText("process.cwd", process.Cwd, errors);
        foreach (var (field, list) in ((string, List<string>?)[])[("args", process.Args), ("env", process.Env)])
        {
            for (var i = 0; i < (list?.Count ?? 0); i++)
            {
                SpecCheck.CheckText($"process.{field}[{i}]", list![i], errors);
            }
        }
        if (process.OomScoreAdj is < MinOomScore or > MaxOomScore)
        {
            errors.Add($"process.oomScoreAdj: {process.OomScoreAdj} must be from {MinOomScore} to {MaxOomScore}");
        }
        CheckLimits(process.Rlimits, errors);
        CheckScheduler(process.Scheduler, errors);
        CheckIoPriority(process.IoPriority, errors);
        CheckAffinity("initial", process.ExecCPUAffinity?.Initial, errors);
        CheckAffinity("final", process.ExecCPUAffinity?.Final, errors);
        SecurityLabel.Check(process, errors);
    }

    private static void CheckLimits(List<RlimitSpec>? limits, List<string> errors)
    {
        HashSet<string> seen = [];
        for (var i = 0; i < (limits?.Count ?? 0); i++)
        {
            var (at, limit) = ($"process.rlimits[{i}]", limits![i]);
            if (SysResource.Number(limit.Type) < 0)
            {
                errors.Add($"{at}.type: there is no {limit.Type}; a name is RLIMIT_NOFILE and the like (getrlimit(2))");
            }
            else if (!seen.Add(limit.Type))
            {
                errors.Add($"{at}.type: {limit.Type} is listed twice");
            }
            else if (limit.Soft > limit.Hard)
            {
                errors.Add($"{at}.soft: {limit.Soft} is above the hard limit {limit.Hard} of {limit.Type}");
            }
        }
    }

    private static void CheckScheduler(SchedulerSpec? scheduler, List<string> errors)
    {
        if (scheduler is null)
        {
            return;
        }
        const string at = "process.scheduler";
        var policy = scheduler.Policy;
        if (SchedPolicy.Policy(policy) < 0)
        {
            errors.Add($"{at}.policy: there is no \"{policy}\"; a name is SCHED_OTHER and the like (sched(7))");
            return;
        }
        foreach (var flag in scheduler.Flags ?? [])
        {
            if (SchedPolicy.Flag(flag) == 0)
            {
                errors.Add($"{at}.flags: there is no \"{flag}\"; a name is SCHED_FLAG_RESET_ON_FORK and the like");
            }
        }
        if (scheduler.Nice is < -20 or > 19)
        {
            errors.Add($"{at}.nice: {scheduler.Nice} must be from -20 to 19");
        }
        if (scheduler.Priority is > 0 && policy is not ("SCHED_FIFO" or "SCHED_RR"))
        {
            errors.Add($"{at}.priority: only for SCHED_FIFO and SCHED_RR, not {policy}");
        }
        var deadline = scheduler.Runtime is > 0 || scheduler.Deadline is > 0 || scheduler.Period is > 0;
        if (deadline && policy != "SCHED_DEADLINE")
        {
            errors.Add($"{at}: runtime, deadline and period are only for SCHED_DEADLINE, not {policy}");
        }
    }

    private static void CheckIoPriority(IoPrioritySpec? priority, List<string> errors)
    {
        if (priority is null)
        {
            return;
        }
        if (SchedPolicy.IoClass(priority.Class) < 1)
        {
            errors.Add(
                $"process.ioPriority.class: \"{priority.Class}\" is not IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE");
        }
        if (priority.Priority is < 0 or > MaxIoPriority)
        {
            errors.Add($"process.ioPriority.priority: {priority.Priority} must be from 0 to {MaxIoPriority}");
        }
    }

    private static void CheckAffinity(string name, string? list, List<string> errors)
    {
        if (!string.IsNullOrEmpty(list) && Scheduling.ParseProcessors(list) is null)
        {
            errors.Add($"process.execCPUAffinity.{name}: \"{list}\" is no list of processors as \"0-3,7\"");
        }
    }
}
