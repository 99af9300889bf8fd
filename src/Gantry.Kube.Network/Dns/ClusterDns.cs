using System.Net;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Network.Services;
using Gantry.Kube.Model.Core.V1;
using Gantry.Network.Names;

namespace Gantry.Kube.Network.Dns;

/// <summary>
/// The cluster's DNS server, in process, behind the Service kube-dns. Names outside the cluster's domain go to the host's
/// resolvers.
/// </summary>
public sealed class ClusterDns(ClusterNetworkOptions options, InformerSet informers) : IDisposable
{
    private const string ServiceName = "kube-dns";
    private const string ServiceNamespace = "kube-system";
    private readonly ClusterZone _zone = new(options.ClusterDomain, informers);
    private NameServer? _server;

    /// <summary>Listens on the pods' gateway and writes the Service and its endpoints.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _server = NameServer.Start(IPAddress.Parse(options.PodGateway), _zone, options.HostResolvConf);
        var service = new Service
        {
            Metadata = new()
            {
                Name = ServiceName,
                Namespace = ServiceNamespace,
                Labels = new(StringComparer.Ordinal) { ["k8s-app"] = "kube-dns", ["kubernetes.io/name"] = "CoreDNS" },
            },
            Spec = new()
            {
                ClusterIP = options.DnsAddress,
                Ports = [new() { Name = "dns", Port = 53, Protocol = "UDP", TargetPort = 53 }, new() { Name = "dns-tcp", Port = 53, Protocol = "TCP", TargetPort = 53 }],
            },
        };
        await HostService.EnsureAsync(informers.Client, service, cancellationToken).ConfigureAwait(false);
        await HostService.PublishAsync(informers.Client, ServiceNamespace, ServiceName, options.PodGateway, [("dns", "UDP", _server.Port), ("dns-tcp", "TCP", _server.Port)], cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _server?.Dispose();
}
