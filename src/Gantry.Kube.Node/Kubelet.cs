using System.Collections.Concurrent;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Nodes;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Cgroups;
using Gantry.Kube.Node.Containers;
using Gantry.Kube.Node.Images;
using Gantry.Kube.Node.Pods;
using Gantry.Kube.Node.Probes;
using Gantry.Kube.Node.Proxy;
using Gantry.Kube.Node.Registration;
using Gantry.Kube.Node.Runtime;
using Gantry.Kube.Node.Volumes;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Node;

/// <summary>
/// The node agent: registers the node, keeps its lease, and runs one worker for every pod that is bound to it. Containers go
/// on when it ends; the next one finds them through the runtime.
/// </summary>
public sealed partial class Kubelet : IAsyncDisposable
{
    private readonly KubeletOptions _options;
    private readonly PodContext _context;
    private readonly IPodRuntime _runtime;
    private readonly NodeRegistrar _registrar;
    private readonly Informer<Pod> _pods;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, PodWorker> _workers = new(StringComparer.Ordinal);
    private IDisposable? _runtimeEvents;
    private volatile bool _accepting;

    /// <summary>Makes the kubelet; it asks the informer set for pods and Services.</summary>
    public Kubelet(KubeletOptions options, InformerSet informers, EventRecorder events, IPodRuntime runtime, ILoggerFactory loggers, TimeProvider? time = null)
    {
        var clock = time ?? TimeProvider.System;
        _options = options;
        _runtime = runtime;
        _logger = loggers.CreateLogger<Kubelet>();
        _registrar = new NodeRegistrar(options, informers.Client, runtime, events, clock, loggers.CreateLogger<NodeRegistrar>());
        var objects = new ObjectSource(informers.Client, clock);
        var downward = new DownwardApi(options, _registrar.Allocatable);
        var tokens = new ServiceAccountTokens(informers.Client, clock);
        var directories = new PodDirectories(options.Directory);
        var volumes = new VolumeManager(directories, new VolumeProjector(objects, downward, tokens));
        var environment = new EnvironmentBuilder(objects, downward, informers.For<Service>());
        Drain = new PodEndpointDrain(clock);
        _context = new PodContext(
            options,
            informers.Client,
            events,
            runtime,
            volumes,
            directories,
            tokens,
            new PodCgroups(options.CgroupRoot),
            new ImageKeeper(runtime, objects, events, options.NodeName, clock),
            new ContainerConfigBuilder(environment, volumes, directories, _registrar.Allocatable["memory"].Value),
            new ProbeAction(runtime),
            Drain,
            clock,
            _logger);
        _pods = informers.For<Pod>();
        _pods.Subscribe(OnPod);
        Proxy = new NodeProxy(this, runtime);
    }

    /// <summary>What the API server asks of this node.</summary>
    public INodeProxy Proxy { get; }

    /// <summary>Tells when a pod is out of all Services; the network room sets its source.</summary>
    public PodEndpointDrain Drain { get; }

    /// <summary>Puts the Node object up and marks it ready. Needs the API, not the informers.</summary>
    public Task RegisterAsync(CancellationToken cancellationToken) => _registrar.RegisterAsync(cancellationToken);

    /// <summary>Runs the pods until cancelled; called once the informers have synced.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _runtimeEvents = _runtime.OnChange(podUid =>
        {
            if (_workers.TryGetValue(podUid, out var worker))
            {
                worker.Wake();
            }
        });
        _accepting = true;
        foreach (var pod in _pods.List())
        {
            OnPod(null, pod);
        }

        await RemoveOrphansAsync(cancellationToken).ConfigureAwait(false);
        await _registrar.RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends the workers; containers go on. Calling it again does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        _accepting = false;
        Interlocked.Exchange(ref _runtimeEvents, null)?.Dispose();
        await Task.WhenAll(_workers.Values.Select(worker => worker.DisposeAsync().AsTask())).ConfigureAwait(false);
        _context.Probes.Dispose();
    }

    /// <summary>For down: removes the pods' mounts and cgroups after the engine has stopped their containers.</summary>
    public void RemoveAll()
    {
        foreach (var uid in _context.Volumes.PodsOnDisk().ToList())
        {
            _context.Volumes.Remove(uid);
        }

        _context.Cgroups.RemoveAll();
    }

    internal Pod? FindPod(string ns, string name) =>
        _pods.Get(ns, name) is { } pod && pod.Spec?.NodeName == _options.NodeName ? pod : null;

    private void OnPod(Pod? previous, Pod? next)
    {
        if (!_accepting)
        {
            return;
        }

        var pod = (next ?? previous)!;
        var uid = pod.Metadata.Uid!;
        if (previous is not null && next is not null && previous.Metadata.Uid != next.Metadata.Uid && _workers.TryGetValue(previous.Metadata.Uid!, out var replaced))
        {
            replaced.Forget();
        }

        if (pod.Spec?.NodeName != _options.NodeName)
        {
            return;
        }

        if (next is null)
        {
            if (_workers.TryGetValue(uid, out var worker))
            {
                worker.Forget();
            }

            return;
        }

        if (_workers.TryGetValue(uid, out var present))
        {
            present.Update(next);
        }
        else
        {
            var added = new PodWorker(_context, next, ended => _workers.TryRemove(ended, out _));
            _workers[uid] = added;
        }
    }

    /// <summary>Ends what the runtime and the disk still have of pods that no longer exist.</summary>
    private async Task RemoveOrphansAsync(CancellationToken cancellationToken)
    {
        var known = _pods.List().Select(pod => pod.Metadata.Uid!).ToHashSet(StringComparer.Ordinal);
        foreach (var container in (await _runtime.ListContainersAsync(cancellationToken).ConfigureAwait(false)).Where(container => !known.Contains(container.PodUid)))
        {
            await _runtime.StopContainerAsync(container.Id, TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
            await _runtime.RemoveContainerAsync(container.Id, cancellationToken).ConfigureAwait(false);
        }

        foreach (var sandbox in (await _runtime.ListSandboxesAsync(cancellationToken).ConfigureAwait(false)).Where(sandbox => !known.Contains(sandbox.PodUid)))
        {
            LogOrphanRemoved(_logger, sandbox.Namespace, sandbox.Name);
            await _runtime.StopSandboxAsync(sandbox.Id, cancellationToken).ConfigureAwait(false);
            await _runtime.RemoveSandboxAsync(sandbox.Id, cancellationToken).ConfigureAwait(false);
        }

        foreach (var uid in _context.Volumes.PodsOnDisk().Where(uid => !known.Contains(uid)).ToList())
        {
            _context.Volumes.Remove(uid);
            _context.Cgroups.Remove(uid);
        }
    }

    [LoggerMessage(6010, LogLevel.Information, "Pod sandbox of {Namespace}/{Name} was left over and removed")]
    private static partial void LogOrphanRemoved(ILogger logger, string @namespace, string name);
}
