using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Model.Discovery.V1;

namespace Gantry.Kube.Network.Services;

/// <summary>Compiles a Service and its EndpointSlices to what this node does for each of its ports.</summary>
internal static class ServiceCompiler
{
    public static ImmutableArray<ServicePortState> Compile(Service service, IReadOnlyList<EndpointSlice> slices, string nodeName)
    {
        if (service.Spec?.ClusterIP is not { Length: > 0 } and not "None" || service.Spec.Type == "ExternalName")
        {
            return [];
        }

        return [.. (service.Spec.Ports ?? []).Select(port => Compile(service, port, slices, nodeName))];
    }

    private static ServicePortState Compile(Service service, ServicePort port, IReadOnlyList<EndpointSlice> slices, string nodeName)
    {
        var spec = service.Spec!;
        var protocol = (port.Protocol ?? "TCP").ToLowerInvariant();
        var addresses = new List<string> { spec.ClusterIP! };
        addresses.AddRange(spec.ExternalIPs ?? []);
        addresses.AddRange((service.Status?.LoadBalancer?.Ingress ?? []).Where(ingress => ingress is { Ip.Length: > 0, IpMode: not "Proxy" }).Select(ingress => ingress.Ip!));
        var name = $"{ObjectKey.Of(service)}/{port.Name}/{protocol}";
        return new ServicePortState(
            $"svc-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..16]}",
            protocol,
            [.. addresses.Where(IsIpv4).Select(address => (address, port.Port))],
            port.NodePort ?? 0,
            Endpoints(service, port, slices, nodeName),
            spec.SessionAffinity == "ClientIP");
    }

    /// <summary>
    /// The ready endpoints of a port. When there is none, those that still serve while they terminate: better than nothing
    /// (KEP-1669, as in kube-proxy).
    /// </summary>
    private static ImmutableArray<(string Address, int Port)> Endpoints(Service service, ServicePort port, IReadOnlyList<EndpointSlice> slices, string nodeName)
    {
        var candidates = new List<(string Address, int Port, EndpointConditions? Conditions)>();
        foreach (var slice in slices.Where(slice => slice.AddressType == "IPv4"))
        {
            var target = slice.Ports?.Find(candidate => (candidate.Name ?? "") == (port.Name ?? "") && (candidate.Protocol ?? "TCP") == (port.Protocol ?? "TCP"));
            if (target?.Port is not { } number)
            {
                continue;
            }

            foreach (var endpoint in slice.Endpoints.Where(endpoint => service.Spec!.InternalTrafficPolicy != "Local" || endpoint.NodeName == nodeName))
            {
                candidates.AddRange(endpoint.Addresses.Take(1).Select(address => (address, number, endpoint.Conditions)));
            }
        }

        var ready = candidates.Where(candidate => candidate.Conditions?.Ready != false).ToList();
        var chosen = ready.Count > 0 ? ready : candidates.Where(candidate => candidate.Conditions is { Serving: true, Terminating: true }).ToList();
        return [.. chosen.Select(candidate => (candidate.Address, candidate.Port)).Distinct().Order()];
    }

    private static bool IsIpv4(string address) => System.Net.IPAddress.TryParse(address, out var parsed) && parsed.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork;
}
