using System.Text;
using System.Text.Json.Nodes;
using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Scheduler.Framework;
using Gantry.Kube.Scheduler.Plugins;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Scheduler;

/// <summary>
/// Gives every pod without a node the best node that can take it. Decisions are made one at a time; bindings are written
/// afterwards, while the next decision already counts them. Pods that fit nowhere wait until the cluster changes.
/// </summary>
public sealed class PodScheduler : IDisposable
{
    /// <summary>The schedulerName whose pods this scheduler takes (core/v1 PodSpec's default).</summary>
    public const string Name = "default-scheduler";

    private readonly IKubeClient _client;
    private readonly EventRecorder _events;
    private readonly TimeProvider _time;
    private readonly Informer<Pod> _pods;
    private readonly ClusterState _cluster;
    private readonly ReconcileLoop _loop;
    private readonly Lock _gate = new();
    private readonly HashSet<string> _unschedulable = new(StringComparer.Ordinal);

    /// <summary>Makes the scheduler.</summary>
    public PodScheduler(InformerSet informers, EventRecorder events, ILoggerFactory loggers, TimeProvider? time = null)
    {
        _client = informers.Client;
        _events = events;
        _time = time ?? TimeProvider.System;
        var fit = new NodeResourcesFit();
        var affinity = new NodeAffinityFit();
        var taints = new TaintToleration();
        _cluster = new ClusterState([new NodeUnschedulable(), taints, affinity, new NodePorts(), fit], [fit, affinity, taints, new ReplicaSpread()]);
        _loop = new ReconcileLoop("Scheduler", ScheduleAsync, loggers.CreateLogger<PodScheduler>(), _time);
        _pods = informers.For<Pod>();
        _pods.Subscribe(OnPod);
        informers.For<Node>().Subscribe(OnNode);
    }

    /// <summary>Schedules until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => _loop.RunAsync(4, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private void OnNode(Node? previous, Node? next)
    {
        if (next is null)
        {
            _cluster.RemoveNode(previous!.Metadata.Name!);
            return;
        }

        _cluster.SetNode(next);
        RetryUnschedulable();
    }

    private void OnPod(Pod? previous, Pod? next)
    {
        var pod = (next ?? previous)!;
        if (next is null || next.IsTerminal())
        {
            _cluster.RemovePod(pod);
            RetryUnschedulable();
        }
        else if (next.Spec?.NodeName is { Length: > 0 } node)
        {
            _cluster.SetPod(next, node);
        }
        else if (IsOurs(next))
        {
            _loop.Queue.Add(ObjectKey.Of(next));
        }
    }

    private void RetryUnschedulable()
    {
        string[] waiting;
        lock (_gate)
        {
            if (_unschedulable.Count == 0)
            {
                return;
            }

            waiting = [.. _unschedulable];
            _unschedulable.Clear();
        }

        foreach (var key in waiting)
        {
            _loop.Queue.Add(key);
        }
    }

    private static bool IsOurs(Pod pod) =>
        (pod.Spec?.SchedulerName ?? Name) == Name && pod.Metadata.DeletionTimestamp is null && string.IsNullOrEmpty(pod.Spec?.NodeName);

    private async Task ScheduleAsync(string key, CancellationToken cancellationToken)
    {
        var pod = _pods.Get(key);
        // A pod whose binding the cache does not show yet must be neither counted nor bound twice.
        if (pod is null || !IsOurs(pod) || _cluster.IsPlaced(pod))
        {
            return;
        }

        if (pod.Spec!.SchedulingGates is { Count: > 0 })
        {
            await NoteAsync(pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates", cancellationToken).ConfigureAwait(false);
            return;
        }

        // Noted before the decision: room that appears while it is made would otherwise be missed.
        lock (_gate)
        {
            _unschedulable.Add(key);
        }

        var node = _cluster.Place(pod, out var message);
        if (node is null)
        {
            _events.Record(pod, Name, "Warning", "FailedScheduling", message);
            await NoteAsync(pod, "Unschedulable", message, cancellationToken).ConfigureAwait(false);
            return;
        }

        lock (_gate)
        {
            _unschedulable.Remove(key);
        }

        await BindAsync(pod, node, cancellationToken).ConfigureAwait(false);
    }

    private async Task BindAsync(Pod pod, string node, CancellationToken cancellationToken)
    {
        var binding = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Binding",
            ["metadata"] = new JsonObject { ["name"] = pod.Metadata.Name, ["namespace"] = pod.Metadata.Namespace, ["uid"] = pod.Metadata.Uid },
            ["target"] = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Node", ["name"] = node },
        };
        try
        {
            await _client.PostSubresourceAsync(Pod.ResourceType, pod.Metadata.Namespace, pod.Metadata.Name!, "binding", Encoding.UTF8.GetBytes(binding.ToJsonString()), cancellationToken).ConfigureAwait(false);
            _events.Record(pod, Name, "Normal", "Scheduled", $"Successfully assigned {ObjectKey.Of(pod)} to {node}");
        }
        catch (FaultException)
        {
            // The room is free again, unless the cache meanwhile knows the pod's node.
            if (_pods.Get(ObjectKey.Of(pod)) is not { Spec.NodeName.Length: > 0 })
            {
                _cluster.RemovePod(pod);
            }

            throw;
        }
    }

    private async Task NoteAsync(Pod pod, string reason, string message, CancellationToken cancellationToken)
    {
        var present = pod.Condition("PodScheduled");
        if (present is { Status: "False" } && present.Reason == reason && present.Message == message)
        {
            return;
        }

        var condition = new JsonObject
        {
            ["type"] = "PodScheduled",
            ["status"] = "False",
            ["reason"] = reason,
            ["message"] = message,
            ["lastTransitionTime"] = KubeTime.Format(present is { Status: "False", LastTransitionTime: { } since } ? since : _time.GetUtcNow()),
        };
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid }, ["status"] = new JsonObject { ["conditions"] = new JsonArray(condition) } };
        await _client.PatchAsync<Pod>(pod.Metadata.Namespace, pod.Metadata.Name!, new KubePatch(KubePatchType.StrategicMerge, Encoding.UTF8.GetBytes(patch.ToJsonString())), "status", cancellationToken).ConfigureAwait(false);
    }
}
