using Gantry.Kube.Client;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Model.Core.V1;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Controllers.LoadBalancers;

/// <summary>
/// Gives every Service of type LoadBalancer the addresses of the ready nodes, on which the nodes accept its ports. Two
/// Services that want the same port cannot both have them: the older one keeps them, the other stays pending with an event.
/// </summary>
public sealed class LoadBalancerController : IController, IDisposable
{
    private const string Component = "service-controller";
    private const string AllServices = "*";

    private readonly IKubeClient _client;
    private readonly EventRecorder _events;
    private readonly Informer<Service> _services;
    private readonly Informer<Node> _nodes;
    private readonly ReconcileLoop _loop;

    /// <summary>Makes the controller.</summary>
    public LoadBalancerController(InformerSet informers, EventRecorder events, ILoggerFactory loggers, TimeProvider? time = null)
    {
        _client = informers.Client;
        _events = events;
        _loop = new ReconcileLoop("LoadBalancer", ReconcileAsync, loggers.CreateLogger<LoadBalancerController>(), time);
        _services = informers.For<Service>();
        _nodes = informers.For<Node>();
        _services.Subscribe((previous, next) =>
        {
            if (previous?.Spec?.Type == "LoadBalancer" || next?.Spec?.Type == "LoadBalancer")
            {
                _loop.Queue.Add(AllServices);
            }
        });
        _nodes.Subscribe((previous, next) =>
        {
            if (!Addresses(previous).SequenceEqual(Addresses(next), StringComparer.Ordinal))
            {
                _loop.Queue.Add(AllServices);
            }
        });
    }

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _loop.RunAsync(1, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private async Task ReconcileAsync(string key, CancellationToken cancellationToken)
    {
        var addresses = _nodes.List().SelectMany(Addresses).Order(StringComparer.Ordinal).ToList();
        var taken = new Dictionary<(int Port, string Protocol), Service>();
        // Age decides who keeps a port, whatever the order of events.
        foreach (var service in _services.List().OrderBy(service => service.Metadata.CreationTimestamp).ThenBy(service => service.Metadata.Uid, StringComparer.Ordinal))
        {
            List<LoadBalancerIngress>? ingress = null;
            if (service.Spec?.Type == "LoadBalancer" && service.Spec.LoadBalancerClass is null && service.Metadata.DeletionTimestamp is null)
            {
                ingress = Claim(service, taken) ? addresses.ConvertAll(address => new LoadBalancerIngress { Ip = address, IpMode = "VIP" }) : null;
            }

            await WriteAsync(service, ingress is { Count: > 0 } ? ingress : null, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool Claim(Service service, Dictionary<(int Port, string Protocol), Service> taken)
    {
        var ports = (service.Spec!.Ports ?? []).ConvertAll(port => (port.Port, port.Protocol ?? "TCP"));
        foreach (var port in ports)
        {
            if (taken.TryGetValue(port, out var holder))
            {
                _events.Record(service, Component, "Warning", "SyncLoadBalancerFailed", $"Port {port.Port}/{port.Item2} of the nodes is taken by the Service {ObjectKey.Of(holder)}; delete that one or choose another port");
                return false;
            }
        }

        ports.ForEach(port => taken[port] = service);
        return true;
    }

    private async Task WriteAsync(Service service, List<LoadBalancerIngress>? ingress, CancellationToken cancellationToken)
    {
        var present = (service.Status?.LoadBalancer?.Ingress ?? []).Select(entry => entry.Ip);
        if (present.SequenceEqual((ingress ?? []).Select(entry => entry.Ip), StringComparer.Ordinal))
        {
            return;
        }

        var update = service.DeepClone();
        (update.Status ??= new()).LoadBalancer = new() { Ingress = ingress };
        await _client.UpdateStatusAsync(update, cancellationToken).ConfigureAwait(false);
    }

    private static IEnumerable<string> Addresses(Node? node) =>
        node?.Status?.Conditions?.Exists(condition => condition is { Type: "Ready", Status: "True" }) == true
            ? (node.Status.Addresses ?? []).Where(address => address.Type == "InternalIP").Select(address => address.Address)
            : [];
}
