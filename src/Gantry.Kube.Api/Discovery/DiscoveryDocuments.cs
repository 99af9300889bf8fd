using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.Discovery;

/// <summary>What is served, as the discovery documents tell it: /api, /apis and below, legacy and aggregated.</summary>
internal sealed class DiscoveryDocuments
{
    private static readonly string[] GetPatchUpdate = ["get", "patch", "update"];

    private readonly ResourceRegistry _registry;
    private readonly List<(string Group, string Version)> _groupVersions;

    public DiscoveryDocuments(ResourceRegistry registry)
    {
        _registry = registry;
        _groupVersions = [.. registry.All.Select(static r => (r.Group, r.Version)).Distinct().OrderBy(static g => Rank(g.Group)).ThenBy(static g => g.Group, StringComparer.Ordinal)];
    }

    public bool Has(string group, string version) => _groupVersions.Contains((group, version));

    public static JsonMap CoreVersions(string address) => new()
    {
        ["kind"] = "APIVersions",
        ["versions"] = new List<object?> { "v1" },
        ["serverAddressByClientCIDRs"] = new List<object?> { new JsonMap { ["clientCIDR"] = "0.0.0.0/0", ["serverAddress"] = address } },
    };

    public JsonMap Groups() => new()
    {
        ["kind"] = "APIGroupList",
        ["apiVersion"] = "v1",
        ["groups"] = Names().Select(g => (object?)Group(g)).ToList(),
    };

    /// <summary>One group's document, or null.</summary>
    public JsonMap? GroupDocument(string group)
    {
        if (!Names().Contains(group))
        {
            return null;
        }

        var document = new JsonMap { ["kind"] = "APIGroup", ["apiVersion"] = "v1" };
        foreach (var (key, value) in Group(group))
        {
            document[key] = value;
        }

        return document;
    }

    /// <summary>The resources of a version, as APIResourceList.</summary>
    public JsonMap Resources(string group, string version)
    {
        var list = new List<object?>();
        foreach (var resource in _registry.All.Where(r => r.Group == group && r.Version == version).OrderBy(static r => r.Plural, StringComparer.Ordinal))
        {
            var item = new JsonMap
            {
                ["name"] = resource.Plural,
                ["singularName"] = resource.Kind.ToLowerInvariant(),
                ["namespaced"] = resource.Namespaced,
                ["kind"] = resource.Kind,
                ["verbs"] = Texts(resource.Schema.Verbs),
            };
            AddNames(item, resource);
            list.Add(item);
            foreach (var name in resource.Schema.Subresources.Order(StringComparer.Ordinal))
            {
                var sub = Subresource.Of(resource, name);
                var entry = new JsonMap { ["name"] = $"{resource.Plural}/{name}", ["singularName"] = "", ["namespaced"] = resource.Namespaced };
                if (sub.Group != group || sub.Version != version)
                {
                    entry["group"] = sub.Group;
                    entry["version"] = sub.Version;
                }

                entry["kind"] = sub.Kind;
                entry["verbs"] = Texts(sub.Verbs);
                list.Add(entry);
            }
        }

        return new JsonMap { ["kind"] = "APIResourceList", ["apiVersion"] = "v1", ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}", ["resources"] = list };
    }

    /// <summary>The aggregated document of the core group or of all others; <paramref name="apiVersion"/> is v2 or v2beta1.</summary>
    public JsonMap Aggregated(bool core, string apiVersion)
    {
        var items = new List<object?>();
        foreach (var group in core ? [""] : Names())
        {
            var versions = _groupVersions.Where(g => g.Group == group).Select(g => (object?)new JsonMap
            {
                ["version"] = g.Version,
                ["resources"] = AggregatedResources(g.Group, g.Version),
                ["freshness"] = "Current",
            }).ToList();
            var metadata = new JsonMap { ["creationTimestamp"] = null };
            if (group.Length > 0)
            {
                metadata["name"] = group;
            }

            items.Add(new JsonMap { ["metadata"] = metadata, ["versions"] = versions });
        }

        return new JsonMap { ["kind"] = "APIGroupDiscoveryList", ["apiVersion"] = $"apidiscovery.k8s.io/{apiVersion}", ["metadata"] = new JsonMap(), ["items"] = items };
    }

    private List<object?> AggregatedResources(string group, string version)
        => [.. _registry.All.Where(r => r.Group == group && r.Version == version).OrderBy(static r => r.Plural, StringComparer.Ordinal).Select(Aggregate)];

    private static object? Aggregate(ResourceType resource)
    {
        var item = new JsonMap
        {
            ["resource"] = resource.Plural,
            ["responseKind"] = Kind(resource.Group, resource.Version, resource.Kind),
            ["scope"] = resource.Namespaced ? "Namespaced" : "Cluster",
            ["singularResource"] = resource.Kind.ToLowerInvariant(),
            ["verbs"] = Texts(resource.Schema.Verbs),
        };
        AddNames(item, resource);
        var subresources = resource.Schema.Subresources.Order(StringComparer.Ordinal).Select(name =>
        {
            var sub = Subresource.Of(resource, name);
            return (object?)new JsonMap { ["subresource"] = name, ["responseKind"] = Kind(sub.Group, sub.Version, sub.Kind), ["verbs"] = Texts(sub.Verbs) };
        }).ToList();
        if (subresources.Count > 0)
        {
            item["subresources"] = subresources;
        }

        return item;
    }

    private static JsonMap Kind(string group, string version, string kind) => new() { ["group"] = group, ["version"] = version, ["kind"] = kind };

    private static void AddNames(JsonMap item, ResourceType resource)
    {
        if (resource.Schema.ShortNames.Length > 0)
        {
            item["shortNames"] = Texts(resource.Schema.ShortNames);
        }

        if (resource.Schema.Categories.Length > 0)
        {
            item["categories"] = Texts(resource.Schema.Categories);
        }
    }

    private IEnumerable<string> Names() => _groupVersions.Select(static g => g.Group).Where(static g => g.Length > 0).Distinct();

    private JsonMap Group(string group)
    {
        var versions = _groupVersions.Where(g => g.Group == group).Select(g => (object?)new JsonMap { ["groupVersion"] = $"{group}/{g.Version}", ["version"] = g.Version }).ToList();
        return new JsonMap { ["name"] = group, ["versions"] = versions, ["preferredVersion"] = versions[0] };
    }

    private static List<object?> Texts(IEnumerable<string> texts) => [.. texts.Order(StringComparer.Ordinal)];

    /// <summary>kubectl resolves a plural to the first group that has it: core and apps come before the others.</summary>
    private static int Rank(string group) => group switch { "" => 0, "apps" => 1, "events.k8s.io" => 3, _ => 2 };

    private sealed record Subresource(string Group, string Version, string Kind, string[] Verbs)
    {
        public static Subresource Of(ResourceType resource, string name) => name switch
        {
            "scale" => new("autoscaling", "v1", "Scale", GetPatchUpdate),
            "eviction" => new("policy", "v1", "Eviction", ["create"]),
            "token" => new("authentication.k8s.io", "v1", "TokenRequest", ["create"]),
            "binding" => new("", "v1", "Binding", ["create"]),
            "finalize" => new("", "v1", "Namespace", ["update"]),
            "log" => new("", "v1", "Pod", ["get"]),
            "exec" => new("", "v1", "PodExecOptions", ["create", "get"]),
            "attach" => new("", "v1", "PodAttachOptions", ["create", "get"]),
            "portforward" => new("", "v1", "PodPortForwardOptions", ["create", "get"]),
            "proxy" => new("", "v1", resource.Kind + "ProxyOptions", ["create", "delete", "get", "patch", "update"]),
            _ => new(resource.Group, resource.Version, resource.Kind, GetPatchUpdate),
        };
    }
}
