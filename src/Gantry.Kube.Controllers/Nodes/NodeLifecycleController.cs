using Gantry.Kube.Client;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Model.Coordination.V1;
using Gantry.Kube.Model.Core.V1;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Controllers.Nodes;

/// <summary>
/// Watches the nodes' leases: a node that stopped renewing is marked Unknown and tainted, and pods that do not tolerate
/// that (or no longer: tolerationSeconds) are deleted. Pods of nodes that do not exist any more are deleted too.
/// </summary>
public sealed class NodeLifecycleController : IController, IDisposable
{
    // kube-controller-manager's --node-monitor-grace-period and --node-monitor-period.
    private static readonly TimeSpan s_gracePeriod = TimeSpan.FromSeconds(50);
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(5);

    private const string LeaseNamespace = "kube-node-lease";
    private const string Component = "node-controller";

    private readonly IKubeClient _client;
    private readonly EventRecorder _events;
    private readonly TimeProvider _time;
    private readonly Informer<Node> _nodes;
    private readonly Informer<Lease> _leases;
    private readonly InformerIndex<Pod> _podsByNode;
    private readonly ReconcileLoop _loop;
    private readonly DateTimeOffset _started;

    /// <summary>Makes the controller.</summary>
    public NodeLifecycleController(InformerSet informers, EventRecorder events, ILoggerFactory loggers, TimeProvider? time = null)
    {
        _client = informers.Client;
        _events = events;
        _time = time ?? TimeProvider.System;
        _started = _time.GetUtcNow();
        _loop = new ReconcileLoop("NodeLifecycle", ReconcileAsync, loggers.CreateLogger<NodeLifecycleController>(), _time);
        _nodes = informers.For<Node>();
        _leases = informers.For<Lease>();
        _podsByNode = informers.For<Pod>().Index(pod => pod.Spec?.NodeName is { Length: > 0 } node ? [node] : []);
        _nodes.Subscribe((previous, next) => _loop.Queue.Add((next ?? previous)!.Metadata.Name!));
    }

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _loop.RunAsync(1, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private async Task ReconcileAsync(string name, CancellationToken cancellationToken)
    {
        var node = _nodes.Get(name);
        if (node is null)
        {
            foreach (var pod in _podsByNode.Get(name).ToList())
            {
                await _client.DeleteAsync<Pod>(pod.Metadata.Namespace, pod.Metadata.Name!, new KubeDeleteOptions(GracePeriodSeconds: 0), cancellationToken).ConfigureAwait(false);
            }

            return;
        }

        _loop.Queue.AddAfter(name, s_period);
        var ready = node.Status?.Conditions?.Find(condition => condition.Type == "Ready");
        if (ready?.Status != "Unknown" && LastSeen(node, ready) + s_gracePeriod < _time.GetUtcNow())
        {
            node = await MarkUnknownAsync(node, cancellationToken).ConfigureAwait(false);
        }

        node = await TaintAsync(node, cancellationToken).ConfigureAwait(false);
        await EvictAsync(node, cancellationToken).ConfigureAwait(false);
    }

    private DateTimeOffset LastSeen(Node node, NodeCondition? ready)
    {
        // After a restart of this process every node gets a full grace period: its lease could not be renewed meanwhile.
        DateTimeOffset?[] signs = [_started, node.Metadata.CreationTimestamp, ready?.LastHeartbeatTime, _leases.Get(LeaseNamespace, node.Metadata.Name!)?.Spec?.RenewTime];
        return signs.Max()!.Value;
    }

    private async Task<Node> MarkUnknownAsync(Node node, CancellationToken cancellationToken)
    {
        var update = node.DeepClone();
        foreach (var condition in (update.Status ??= new()).Conditions ??= [])
        {
            condition.Status = "Unknown";
            condition.Reason = "NodeStatusUnknown";
            condition.Message = "Kubelet stopped posting node status.";
            condition.LastTransitionTime = _time.GetUtcNow();
        }

        _events.Record(node, Component, "Normal", "NodeNotReady", $"Node {node.Metadata.Name} status is now: NodeNotReady");
        return await _client.UpdateStatusAsync(update, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Node> TaintAsync(Node node, CancellationToken cancellationToken)
    {
        var wanted = node.Status?.Conditions?.Find(condition => condition.Type == "Ready")?.Status switch
        {
            "True" => null,
            "Unknown" => NodeTaints.Unreachable,
            _ => NodeTaints.NotReady,
        };
        var taints = NodeTaints.Adjust(node, wanted, _time.GetUtcNow());
        if (taints is null)
        {
            return node;
        }

        var update = node.DeepClone();
        (update.Spec ??= new()).Taints = taints.Count > 0 ? taints : null;
        return await _client.UpdateAsync(update, cancellationToken).ConfigureAwait(false);
    }

    private async Task EvictAsync(Node node, CancellationToken cancellationToken)
    {
        var taints = (node.Spec?.Taints ?? []).Where(taint => taint.Effect == "NoExecute").ToList();
        foreach (var pod in taints.Count == 0 ? [] : _podsByNode.Get(node.Metadata.Name!).Where(pod => pod.Metadata.DeletionTimestamp is null).ToList())
        {
            if (NodeTaints.EvictionTime(pod, taints) is { } due)
            {
                if (due <= _time.GetUtcNow())
                {
                    _events.Record(pod, "taint-eviction-controller", "Normal", "TaintManagerEviction", $"Marking for deletion Pod {ObjectKey.Of(pod)}");
                    await _client.DeleteAsync<Pod>(pod.Metadata.Namespace, pod.Metadata.Name!, null, cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    _loop.Queue.AddAfter(node.Metadata.Name!, due - _time.GetUtcNow());
                }
            }
        }
    }
}
