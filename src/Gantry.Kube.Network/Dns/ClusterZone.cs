using System.Net;
using System.Net.Sockets;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Model.Discovery.V1;
using Gantry.Network.Names;

namespace Gantry.Kube.Network.Dns;

/// <summary>
/// The names of the cluster's domain, by the Kubernetes DNS specification 1.1.0: Services, headless Services with their
/// endpoints, named ports (SRV), and addresses (PTR).
/// </summary>
internal sealed class ClusterZone : IDnsResponder
{
    // Short enough that a headless Service's change is seen soon; CoreDNS' kubernetes plugin has 5 s too.
    private const uint TimeToLiveSeconds = 5;
    private const string ServiceNameLabel = "kubernetes.io/service-name";

    private readonly string _domain;
    private readonly Informer<Service> _services;
    private readonly InformerIndex<Service> _servicesByAddress;
    private readonly InformerIndex<EndpointSlice> _slicesByService;

    public ClusterZone(string domain, InformerSet informers)
    {
        _domain = domain;
        _services = informers.For<Service>();
        _servicesByAddress = _services.Index(service => service.Spec?.ClusterIP is { Length: > 0 } address and not "None" ? [address] : []);
        _slicesByService = informers.For<EndpointSlice>().Index(slice =>
            slice.Metadata.Labels?.GetValueOrDefault(ServiceNameLabel) is { } name ? [ObjectKey.Of(slice.Metadata.Namespace, name)] : []);
    }

    public byte[]? Answer(IPAddress asking, DnsQuestion question)
    {
        if (question.ReverseAddress() is { } address)
        {
            var service = _servicesByAddress.Get(address.ToString()).FirstOrDefault();
            return service is null ? null : question.AnswerName($"{service.Metadata.Name}.{service.Metadata.Namespace}.svc.{_domain}");
        }

        if (question.Name != _domain && !question.Name.EndsWith("." + _domain, StringComparison.Ordinal))
        {
            return null;
        }

        var labels = question.Name.Length == _domain.Length ? [] : question.Name[..^(_domain.Length + 1)].Split('.');
        return AnswerInside(question, labels) ?? question.Refuse(DnsQuestion.NameError);
    }

    /// <summary>The reply for labels below the domain, or null for a name that does not exist.</summary>
    private byte[]? AnswerInside(DnsQuestion question, string[] labels)
    {
        if (labels is [] or ["svc"] or ["pod"])
        {
            return question.Refuse(DnsQuestion.NoError);
        }

        if (labels is [var dashed, _, "pod"])
        {
            return IPAddress.TryParse(dashed.Replace('-', '.'), out var pod) && pod.AddressFamily == AddressFamily.InterNetwork ? Addresses(question, [pod]) : null;
        }

        if (labels.Length < 2 || labels[^1] != "svc")
        {
            return null;
        }

        if (labels is [var ns, "svc"])
        {
            return _services.List().Any(candidate => candidate.Metadata.Namespace == ns) ? question.Refuse(DnsQuestion.NoError) : null;
        }

        var service = _services.Get(labels[^2], labels[^3]);
        return service is null ? null : AnswerService(question, service, labels[..^3]);
    }

    private byte[]? AnswerService(DnsQuestion question, Service service, string[] below)
    {
        if (service.Spec?.Type == "ExternalName")
        {
            return AnswerExternal(question, service.Spec.ExternalName!);
        }

        var isHeadless = service.Spec?.ClusterIP == "None";
        switch (below)
        {
            case []:
                return isHeadless
                    ? Endpoints(service) is { Count: > 0 } endpoints ? Addresses(question, [.. endpoints.Select(endpoint => endpoint.Address)]) : null
                    : Addresses(question, [IPAddress.Parse(service.Spec!.ClusterIP!)]);
            case [var port, var protocol] when port.StartsWith('_') && protocol.StartsWith('_'):
                return AnswerPort(question, service, isHeadless, port[1..], protocol[1..]);
            case [var host] when isHeadless:
                var found = Endpoints(service).Where(endpoint => endpoint.Name == host).Select(endpoint => endpoint.Address).ToList();
                return found.Count > 0 ? Addresses(question, found) : null;
            default:
                return null;
        }
    }

    private byte[]? AnswerPort(DnsQuestion question, Service service, bool isHeadless, string portName, string protocol)
    {
        var fullName = $"{service.Metadata.Name}.{service.Metadata.Namespace}.svc.{_domain}";
        var ports = (service.Spec!.Ports ?? []).Where(port => port.Name == portName && (port.Protocol ?? "TCP").Equals(protocol, StringComparison.OrdinalIgnoreCase)).ToList();
        if (ports.Count == 0)
        {
            return null;
        }

        if (question.Type != DnsQuestion.TypeSrv)
        {
            return question.Refuse(DnsQuestion.NoError);
        }

        return isHeadless
            ? question.AnswerServices([.. Endpoints(service).Where(endpoint => endpoint.Ports.ContainsKey(portName)).Select(endpoint => ($"{endpoint.Name}.{fullName}", (ushort)endpoint.Ports[portName]))], TimeToLiveSeconds)
            : question.AnswerServices([(fullName, (ushort)ports[0].Port)], TimeToLiveSeconds);
    }

    /// <summary>
    /// An ExternalName is an alias. The alias is resolved here by the host's resolver and its addresses are given, which
    /// every client follows the same way.
    /// </summary>
    private static byte[] AnswerExternal(DnsQuestion question, string target)
    {
        try
        {
            return Addresses(question, [.. System.Net.Dns.GetHostAddresses(target, AddressFamily.InterNetwork)]);
        }
        catch (SocketException)
        {
            return question.Refuse(DnsQuestion.ServerFailure);
        }
    }

    private List<(string Name, IPAddress Address, Dictionary<string, int> Ports)> Endpoints(Service service)
    {
        var publishAll = service.Spec!.PublishNotReadyAddresses == true;
        var result = new List<(string, IPAddress, Dictionary<string, int>)>();
        foreach (var slice in _slicesByService.Get(ObjectKey.Of(service)))
        {
            var ports = (slice.Ports ?? []).Where(port => port.Port is not null).ToDictionary(port => port.Name ?? "", port => port.Port!.Value, StringComparer.Ordinal);
            foreach (var endpoint in slice.Endpoints.Where(endpoint => publishAll || endpoint.Conditions?.Ready != false))
            {
                foreach (var address in endpoint.Addresses)
                {
                    result.Add((endpoint.Hostname ?? address.Replace('.', '-'), IPAddress.Parse(address), ports));
                }
            }
        }

        return result;
    }

    private static byte[] Addresses(DnsQuestion question, IReadOnlyList<IPAddress> addresses) =>
        question.Type == DnsQuestion.TypeA ? question.Answer(addresses, TimeToLiveSeconds) : question.Refuse(DnsQuestion.NoError);
}
