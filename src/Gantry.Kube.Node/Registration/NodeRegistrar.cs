using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Coordination.V1;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Runtime;
using Microsoft.Extensions.Logging;
using CoreNode = Gantry.Kube.Model.Core.V1.Node;

namespace Gantry.Kube.Node.Registration;

/// <summary>Keeps the Node object and its lease.</summary>
internal sealed partial class NodeRegistrar
{
    // kubelet's node-status-update-frequency and lease: renewed every 10 s, valid for 40 s; the full status every 5 min.
    private static readonly TimeSpan s_leasePeriod = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_statusPeriod = TimeSpan.FromMinutes(5);
    private const int LeaseSeconds = 40;
    private const string LeaseNamespace = "kube-node-lease";

    private readonly KubeletOptions _options;
    private readonly IKubeClient _client;
    private readonly IPodRuntime _runtime;
    private readonly EventRecorder _events;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly MachineInfo _machine = MachineInfo.Read();

    public NodeRegistrar(KubeletOptions options, IKubeClient client, IPodRuntime runtime, EventRecorder events, TimeProvider time, ILogger logger)
    {
        _options = options;
        _client = client;
        _runtime = runtime;
        _events = events;
        _time = time;
        _logger = logger;
        Allocatable = new Dictionary<string, Quantity>(StringComparer.Ordinal)
        {
            ["cpu"] = Quantity.FromInt64(_machine.Processors),
            ["memory"] = Quantity.Parse($"{_machine.MemoryKiB}Ki"),
            ["ephemeral-storage"] = Quantity.Parse($"{_machine.DiskKiB(options.Directory)}Ki"),
            ["pods"] = Quantity.FromInt64(options.MaxPods),
        };
    }

    /// <summary>What the node has for pods.</summary>
    public Dictionary<string, Quantity> Allocatable { get; }

    public async Task RegisterAsync(CancellationToken cancellationToken)
    {
        CoreNode node;
        try
        {
            node = await _client.GetAsync<CoreNode>(null, _options.NodeName, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            node = await _client.CreateAsync(NewNode(), cancellationToken).ConfigureAwait(false);
        }

        await WriteStatusAsync(node, cancellationToken).ConfigureAwait(false);
        await RenewLeaseAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _events.Record(await _client.GetAsync<CoreNode>(null, _options.NodeName, cancellationToken).ConfigureAwait(false), "kubelet", "Normal", "Starting", "Starting kubelet.", _options.NodeName);
        var statusDue = _time.GetUtcNow() + s_statusPeriod;
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(s_leasePeriod, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
            {
                return;
            }

            try
            {
                await RenewLeaseAsync(cancellationToken).ConfigureAwait(false);
                var node = await _client.GetAsync<CoreNode>(null, _options.NodeName, cancellationToken).ConfigureAwait(false);
                // Somebody (the node controller) may have written that the node is not known any more: it is.
                var isReady = node.Status?.Conditions?.Find(condition => condition.Type == "Ready")?.Status == "True";
                if (!isReady || _time.GetUtcNow() >= statusDue)
                {
                    statusDue = _time.GetUtcNow() + s_statusPeriod;
                    await WriteStatusAsync(node, cancellationToken).ConfigureAwait(false);
                }
            }
            catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
            {
                await RegisterAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (FaultException failure)
            {
                LogRenewalFailed(_logger, _options.NodeName, failure);
            }
        }
    }

    private CoreNode NewNode() => new()
    {
        Metadata = new()
        {
            Name = _options.NodeName,
            Labels = new(StringComparer.Ordinal)
            {
                ["kubernetes.io/hostname"] = _options.NodeName,
                ["kubernetes.io/os"] = "linux",
                ["kubernetes.io/arch"] = _machine.Architecture,
                ["beta.kubernetes.io/os"] = "linux",
                ["beta.kubernetes.io/arch"] = _machine.Architecture,
                ["node-role.kubernetes.io/control-plane"] = "",
            },
        },
        Spec = new() { PodCIDR = _options.PodCidr, PodCIDRs = [_options.PodCidr] },
    };

    private async Task WriteStatusAsync(CoreNode node, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var update = node.DeepClone();
        var old = node.Status?.Conditions ?? [];
        update.Metadata.ResourceVersion = null;
        update.Status = new()
        {
            Capacity = Allocatable,
            Allocatable = Allocatable,
            Addresses = [new() { Type = "InternalIP", Address = _options.NodeAddress }, new() { Type = "Hostname", Address = _options.NodeName }],
            DaemonEndpoints = new() { KubeletEndpoint = new() { Port = _options.KubeletPort } },
            NodeInfo = new()
            {
                MachineID = _machine.MachineId,
                SystemUUID = _machine.SystemUuid,
                BootID = _machine.BootId,
                KernelVersion = _machine.KernelVersion,
                OsImage = _machine.OsImage,
                ContainerRuntimeVersion = _runtime.Version,
                KubeletVersion = _options.Version,
                KubeProxyVersion = _options.Version,
                OperatingSystem = "linux",
                Architecture = _machine.Architecture,
            },
            Conditions =
            [
                Condition(old, "MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available", now),
                Condition(old, "DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure", now),
                Condition(old, "PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available", now),
                Condition(old, "Ready", "True", "KubeletReady", "kubelet is posting ready status", now),
            ],
        };
        await _client.UpdateStatusAsync(update, cancellationToken).ConfigureAwait(false);
    }

    private async Task RenewLeaseAsync(CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        try
        {
            var lease = await _client.GetAsync<Lease>(LeaseNamespace, _options.NodeName, cancellationToken).ConfigureAwait(false);
            (lease.Spec ??= new()).RenewTime = now;
            lease.Spec.HolderIdentity = _options.NodeName;
            await _client.UpdateAsync(lease, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            var lease = new Lease
            {
                Metadata = new() { Name = _options.NodeName, Namespace = LeaseNamespace },
                Spec = new() { HolderIdentity = _options.NodeName, LeaseDurationSeconds = LeaseSeconds, RenewTime = now },
            };
            await _client.CreateAsync(lease, cancellationToken).ConfigureAwait(false);
        }
    }

    private static NodeCondition Condition(List<NodeCondition> old, string type, string status, string reason, string message, DateTimeOffset now)
    {
        var present = old.Find(condition => condition.Type == type);
        return new()
        {
            Type = type,
            Status = status,
            Reason = reason,
            Message = message,
            LastHeartbeatTime = now,
            LastTransitionTime = present?.Status == status ? present.LastTransitionTime : now,
        };
    }

    [LoggerMessage(6020, LogLevel.Warning, "Lease of node {Node} could not be renewed and is tried again")]
    private static partial void LogRenewalFailed(ILogger logger, string node, Exception failure);
}
