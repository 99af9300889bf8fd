using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Model.Discovery.V1;
using CoreEndpoints = Gantry.Kube.Model.Core.V1.Endpoints;

namespace Gantry.Kube.Network.Services;

/// <summary>Services whose endpoint is a server of this program on the node: the API server and DNS.</summary>
public static class HostService
{
    /// <summary>Creates a Service, unless it exists.</summary>
    public static async Task EnsureAsync(IKubeClient client, Service service, CancellationToken cancellationToken)
    {
        try
        {
            await client.CreateAsync(service, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind is FaultKind.AlreadyExists)
        {
            // From an earlier start.
        }
    }

    /// <summary>Writes the Service's EndpointSlice and Endpoints: one address with its ports (name, protocol, number).</summary>
    public static async Task PublishAsync(IKubeClient client, string ns, string service, string address, IReadOnlyList<(string Name, string Protocol, int Port)> ports, CancellationToken cancellationToken)
    {
        var slice = new EndpointSlice
        {
            Metadata = new() { Name = service, Namespace = ns, Labels = new(StringComparer.Ordinal) { ["kubernetes.io/service-name"] = service } },
            AddressType = "IPv4",
            Endpoints = [new() { Addresses = [address], Conditions = new() { Ready = true } }],
            Ports = [.. ports.Select(port => new Gantry.Kube.Model.Discovery.V1.EndpointPort { Name = port.Name, Protocol = port.Protocol, Port = port.Port })],
        };
        var endpoints = new CoreEndpoints
        {
            // The label keeps controllers from mirroring these endpoints into a second slice.
            Metadata = new() { Name = service, Namespace = ns, Labels = new(StringComparer.Ordinal) { ["endpointslice.kubernetes.io/skip-mirror"] = "true" } },
            Subsets = [new() { Addresses = [new() { Ip = address }], Ports = [.. ports.Select(port => new Gantry.Kube.Model.Core.V1.EndpointPort { Name = port.Name, Protocol = port.Protocol, Port = port.Port })] }],
        };
        await WriteAsync(client, slice, cancellationToken).ConfigureAwait(false);
        await WriteAsync(client, endpoints, cancellationToken).ConfigureAwait(false);
    }

    private static async Task WriteAsync<T>(IKubeClient client, T obj, CancellationToken cancellationToken)
        where T : class, IKubeObject<T>, new()
    {
        try
        {
            await client.CreateAsync(obj, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind is FaultKind.AlreadyExists)
        {
            await client.UpdateAsync(obj, cancellationToken).ConfigureAwait(false);
        }
    }
}
