using System.Net;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Translation;
using Gantry.Faults;
using Gantry.Network.Networks;
using Gantry.Network.Sandboxes;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Routes;

/// <summary>Networks.</summary>
internal static class NetworkRoutes
{
    internal static Task ListAsync(DockerRequest request)
    {
        Filters filters = request.Filters().Only("dangling", "driver", "id", "label", "label!", "name", "scope", "type");
        List<NetworkJson> networks = [.. request.Engine.Networks.ListNetworks()
            .Where(network => filters.MatchLabels(network.Labels))
            .Where(network => filters.Match("name", name => network.Name.Contains(name, StringComparison.Ordinal)))
            .Where(network => filters.Match("id", id => network.Id.StartsWith(id, StringComparison.Ordinal)))
            .Where(network => filters.Match("driver", driver => network.Driver == driver))
            .Where(_ => filters.Match("scope", scope => scope == "local"))
            .Where(network => filters.Match("type", type => type == (network.IsPredefined ? "builtin" : "custom")))
            .Where(network => filters.Match("dangling", text => text is "true" or "1" == (!network.IsPredefined && request.Engine.Networks.ListEndpoints(network.Id).Count == 0)))
            .Select(network => Show(request, network, withContainers: false))];
        return request.WriteAsync(networks, DockerJson.Default.ListNetworkJson);
    }

    internal static Task InspectAsync(DockerRequest request)
    {
        NetworkRecord network = request.Engine.Networks.GetNetwork(request["id"]);
        return request.WriteAsync(Show(request, network, withContainers: true), DockerJson.Default.NetworkJson);
    }

    internal static async Task CreateAsync(DockerRequest request)
    {
        NetworkCreateJson body = await request.ReadAsync(DockerJson.Default.NetworkCreateJson).ConfigureAwait(false);
        IpamConfigJson? ipam = body.IPAM?.Config?.FirstOrDefault(config => config.Subnet?.Contains(':', StringComparison.Ordinal) != true);
        NetworkRecord network = await request.Engine.Networks.CreateNetworkAsync(
            new NetworkSpec
            {
                Name = body.Name ?? "",
                Driver = body.Driver is { Length: > 0 } driver ? driver : "bridge",
                Subnet = ipam?.Subnet,
                AddressRange = ipam?.IPRange,
                Gateway = ipam?.Gateway is { Length: > 0 } gateway ? IPAddress.Parse(gateway) : null,
                Internal = body.Internal,
                Attachable = body.Attachable,
                EnableIpv6 = body.EnableIPv6 == true,
                Labels = body.Labels ?? [],
                Options = body.Options ?? [],
            },
            request.Aborted).ConfigureAwait(false);
        Publish(request, network, "create");
        await request.WriteAsync(new NetworkCreatedJson(network.Id, ""), DockerJson.Default.NetworkCreatedJson, StatusCodes.Status201Created).ConfigureAwait(false);
    }

    internal static async Task RemoveAsync(DockerRequest request)
    {
        NetworkRecord network = await request.Engine.Networks.RemoveNetworkAsync(request["id"], request.Aborted).ConfigureAwait(false);
        Publish(request, network, "destroy");
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task ConnectAsync(DockerRequest request)
    {
        NetworkConnectJson? body = await request.ReadOptionalAsync(DockerJson.Default.NetworkConnectJson).ConfigureAwait(false);
        await request.Engine.ConnectNetworkAsync(request["id"], body?.Container ?? "", SpecTranslation.Endpoint(body?.EndpointConfig), request.Aborted).ConfigureAwait(false);
        Publish(request, request.Engine.Networks.GetNetwork(request["id"]), "connect", body?.Container);
    }

    internal static async Task DisconnectAsync(DockerRequest request)
    {
        NetworkConnectJson? body = await request.ReadOptionalAsync(DockerJson.Default.NetworkConnectJson).ConfigureAwait(false);
        await request.Engine.DisconnectNetworkAsync(request["id"], body?.Container ?? "", request.Aborted).ConfigureAwait(false);
        Publish(request, request.Engine.Networks.GetNetwork(request["id"]), "disconnect", body?.Container);
    }

    internal static async Task PruneAsync(DockerRequest request)
    {
        Filters filters = request.Filters().Only("label", "label!", "until");
        DateTimeOffset until = filters["until"] is [string text, ..] ? TimestampText.Parse(text) ?? DateTimeOffset.MaxValue : DateTimeOffset.MaxValue;
        List<string> deleted = [];
        foreach (NetworkRecord network in request.Engine.Networks.ListNetworks())
        {
            bool used = request.Engine.Networks.ListEndpoints(network.Id).Count > 0;
            if (!network.IsPredefined && !used && network.CreatedAt < until && filters.MatchLabels(network.Labels))
            {
                await request.Engine.Networks.RemoveNetworkAsync(network.Id, request.Aborted).ConfigureAwait(false);
                deleted.Add(network.Name);
            }
        }

        await request.WriteAsync(new NetworkPruneJson(deleted), DockerJson.Default.NetworkPruneJson).ConfigureAwait(false);
    }

    private static void Publish(DockerRequest request, NetworkRecord network, string action, string? container = null)
    {
        Dictionary<string, string> attributes = new() { ["name"] = network.Name, ["type"] = network.Driver };
        if (container is not null)
        {
            attributes["container"] = request.Engine.Get(container).Id;
        }

        request.Engine.Events.Publish("network", action, network.Id, attributes);
    }

    private static NetworkJson Show(DockerRequest request, NetworkRecord network, bool withContainers) => new()
    {
        Name = network.Name,
        Id = network.Id,
        Created = TimestampText.Format(network.CreatedAt),
        Driver = network.Driver,
        EnableIPv6 = network.EnableIpv6,
        IPAM = new IpamJson
        {
            Config = network.Subnet.Length == 0 ? [] : [new IpamConfigJson
            {
                Subnet = network.Subnet,
                IPRange = network.AddressRange.Length > 0 ? network.AddressRange : null,
                Gateway = network.Gateway,
            }],
        },
        Internal = network.Internal,
        Attachable = network.Attachable,
        Containers = withContainers ? Containers(request, network) : [],
        Options = network.Options,
        Labels = network.Labels,
    };

    private static Dictionary<string, NetworkContainerJson> Containers(DockerRequest request, NetworkRecord network)
    {
        Dictionary<string, NetworkContainerJson> containers = [];
        foreach ((string id, EndpointRecord endpoint) in request.Engine.Networks.ListEndpoints(network.Id))
        {
            if (request.Engine.Find(id) is { } container)
            {
                containers[id] = new NetworkContainerJson(
                    container.Name, endpoint.EndpointId, endpoint.HardwareAddress, $"{endpoint.Address}/{endpoint.PrefixLength}", "");
            }
        }

        return containers;
    }
}
