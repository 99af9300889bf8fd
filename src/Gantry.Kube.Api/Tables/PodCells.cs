using System.Globalization;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Model;

namespace Gantry.Kube.Api.Tables;

/// <summary>The cells of a pod (upstream: printers' printPod).</summary>
internal static class PodCells
{
    public static string Ready(JsonMap pod, RowContext context)
    {
        _ = context;
        var sidecars = SidecarNames(pod);
        var total = (pod.Map("spec")?.List("containers")?.Count ?? 0) + sidecars.Count;
        var status = pod.Map("status") ?? [];
        var ready = status.Maps("containerStatuses").Count(static c => c.Flag("ready") && c.At("state", "running") is not null)
            + status.Maps("initContainerStatuses").Count(c => sidecars.Contains(c.Text("name") ?? "") && c.Flag("ready"));
        return $"{Cells.Number(ready)}/{Cells.Number(total)}";
    }

    public static string Status(JsonMap pod, RowContext context)
    {
        _ = context;
        var status = pod.Map("status") ?? [];
        var reason = status.Text("reason") is { Length: > 0 } given ? given : status.Text("phase") ?? "";
        foreach (var condition in status.Maps("conditions"))
        {
            if (condition.Text("type") == "PodScheduled" && condition.Text("reason") == "SchedulingGated")
            {
                reason = "SchedulingGated";
            }
        }

        if (InitReason(pod, status) is { } initReason)
        {
            reason = initReason;
        }
        else
        {
            reason = ContainersReason(status, reason);
        }

        if (pod.At("metadata", "deletionTimestamp") is not null)
        {
            return status.Text("reason") == "NodeLost" ? "Unknown" : status.Text("phase") is "Succeeded" or "Failed" ? reason : "Terminating";
        }

        return reason;
    }

    public static string Restarts(JsonMap pod, RowContext context)
    {
        var count = 0L;
        DateTimeOffset? last = null;
        var status = pod.Map("status") ?? [];
        var sidecars = SidecarNames(pod);
        var initializing = InitReason(pod, status) is not null;
        var containers = initializing
            ? status.Maps("initContainerStatuses")
            : status.Maps("containerStatuses").Concat(status.Maps("initContainerStatuses").Where(c => sidecars.Contains(c.Text("name") ?? "")));
        foreach (var container in containers)
        {
            count += container.Number("restartCount") ?? 0;
            if (container.At("lastState", "terminated", "finishedAt") is string text && KubeTime.TryParse(text, out var finished) && (last is null || finished > last))
            {
                last = finished;
            }
        }

        return count > 0 && last is { } time
            ? $"{Cells.Number(count)} ({Cells.Duration(context.Now - time)} ago)"
            : Cells.Number(count);
    }

    public static string Address(JsonMap pod, RowContext context)
    {
        _ = context;
        return Cells.OrNone(pod.Map("status")?.Text("podIP"));
    }

    public static string Node(JsonMap pod, RowContext context)
    {
        _ = context;
        return Cells.OrNone(pod.Map("spec")?.Text("nodeName"));
    }

    public static string Nominated(JsonMap pod, RowContext context)
    {
        _ = context;
        return Cells.OrNone(pod.Map("status")?.Text("nominatedNodeName"));
    }

    public static string Gates(JsonMap pod, RowContext context)
    {
        _ = context;
        var gates = (pod.Map("spec") ?? []).Maps("readinessGates").Select(static g => g.Text("conditionType")).ToList();
        if (gates.Count == 0)
        {
            return Cells.None;
        }

        var met = (pod.Map("status") ?? []).Maps("conditions").Count(c => gates.Contains(c.Text("type")) && c.Text("status") == "True");
        return $"{Cells.Number(met)}/{Cells.Number(gates.Count)}";
    }

    private static HashSet<string> SidecarNames(JsonMap pod)
        => (pod.Map("spec") ?? []).Maps("initContainers").Where(static c => c.Text("restartPolicy") == "Always").Select(static c => c.Text("name") ?? "").ToHashSet();

    private static string? InitReason(JsonMap pod, JsonMap status)
    {
        var sidecars = SidecarNames(pod);
        var total = pod.Map("spec")?.List("initContainers")?.Count ?? 0;
        var index = -1;
        foreach (var container in status.Maps("initContainerStatuses"))
        {
            index++;
            var terminated = container.At("state", "terminated") as JsonMap;
            if (terminated is not null && terminated.Number("exitCode") is null or 0 && terminated is not null)
            {
                continue;
            }

            if (sidecars.Contains(container.Text("name") ?? "") && container.Flag("started"))
            {
                continue;
            }

            if (terminated is not null)
            {
                return "Init:" + TerminatedReason(terminated);
            }

            if (container.At("state", "waiting", "reason") is string { Length: > 0 } waiting and not "PodInitializing")
            {
                return "Init:" + waiting;
            }

            return string.Create(CultureInfo.InvariantCulture, $"Init:{index}/{total}");
        }

        return null;
    }

    private static string ContainersReason(JsonMap status, string reason)
    {
        var running = false;
        foreach (var container in status.Maps("containerStatuses").Reverse())
        {
            var terminated = container.At("state", "terminated") as JsonMap;
            if (container.At("state", "waiting", "reason") is string { Length: > 0 } waiting)
            {
                reason = waiting;
            }
            else if (terminated is not null)
            {
                reason = TerminatedReason(terminated);
            }
            else if (container.Flag("ready") && container.At("state", "running") is not null)
            {
                running = true;
            }
        }

        if (reason == "Completed" && running)
        {
            var ready = status.Maps("conditions").Any(static c => c.Text("type") == "Ready" && c.Text("status") == "True");
            return ready ? "Running" : "NotReady";
        }

        return reason;
    }

    private static string TerminatedReason(JsonMap terminated)
        => terminated.Text("reason") is { Length: > 0 } reason ? reason
            : terminated.Number("signal") is > 0 and var signal ? $"Signal:{Cells.Number(signal)}"
            : $"ExitCode:{Cells.Number(terminated.Number("exitCode") ?? 0)}";
}
