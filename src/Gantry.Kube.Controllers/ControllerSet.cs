using Gantry.Kube.Client.Events;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Controllers.Deployments;
using Gantry.Kube.Controllers.EndpointSlices;
using Gantry.Kube.Controllers.GarbageCollection;
using Gantry.Kube.Controllers.Kinds;
using Gantry.Kube.Controllers.LoadBalancers;
using Gantry.Kube.Controllers.Namespaces;
using Gantry.Kube.Controllers.Nodes;
using Gantry.Kube.Controllers.ReplicaSets;
using Gantry.Kube.Controllers.ServiceAccounts;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Controllers;

/// <summary>All controllers of a cluster. Make it before the informers run; run it once they have synced.</summary>
public sealed class ControllerSet : IDisposable
{
    private readonly IReadOnlyList<IController> _controllers;

    /// <summary>Makes the controllers; <paramref name="rootCaPem"/> is what pods get as the cluster's CA.</summary>
    public ControllerSet(InformerSet informers, EventRecorder events, string rootCaPem, ILoggerFactory loggers, TimeProvider? time = null)
    {
        var kinds = new KindTable(informers);
        _controllers =
        [
            new DeploymentController(informers, events, loggers, time),
            new ReplicaSetController(informers, events, loggers, time),
            new EndpointsController(informers, loggers, time),
            new NamespaceController(informers, kinds, loggers, time),
            new GarbageCollector(kinds, loggers, time),
            new ServiceAccountController(informers, rootCaPem, loggers, time),
            new LoadBalancerController(informers, events, loggers, time),
            new NodeLifecycleController(informers, events, loggers, time),
        ];
    }

    /// <summary>Runs all controllers until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(_controllers.Select(controller => controller.RunAsync(cancellationToken)));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var controller in _controllers.OfType<IDisposable>())
        {
            controller.Dispose();
        }
    }
}
