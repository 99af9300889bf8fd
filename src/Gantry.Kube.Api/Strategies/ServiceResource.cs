using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Services: defaults by type, and the reservation of cluster addresses and node ports.</summary>
internal sealed class ServiceResource(ServiceRanges ranges) : ResourceStrategy
{
    public override string[] SelectablePaths { get; } = ["spec.clusterIP", "spec.type"];

    public override IEnumerable<string> CheckName(string name) => Names.Dns1035Label(name);

    public override void ApplyDefaults(JsonMap obj)
    {
        var spec = obj.MapOrNew("spec");
        var type = spec.Text("type");
        if (spec.Text("sessionAffinity") == "ClientIP")
        {
            // Three hours: upstream's DefaultClientIPServiceAffinitySeconds.
            spec.MapOrNew("sessionAffinityConfig").MapOrNew("clientIP").Default("timeoutSeconds", 10800L);
        }

        if (type is "NodePort" or "LoadBalancer")
        {
            spec.Default("externalTrafficPolicy", "Cluster");
        }

        if (type is not "ExternalName")
        {
            spec.Default("internalTrafficPolicy", "Cluster");
        }

        if (type is "LoadBalancer")
        {
            spec.Default("allocateLoadBalancerNodePorts", true);
        }

        foreach (var port in spec.Maps("ports"))
        {
            if (port.GetValueOrDefault("targetPort") is null or 0L or "")
            {
                port["targetPort"] = port.GetValueOrDefault("port");
            }
        }
    }

    public override void PrepareForCreate(JsonMap obj) => obj["status"] = new JsonMap { ["loadBalancer"] = new JsonMap() };

    public override void PrepareForUpdate(JsonMap obj, JsonMap old)
    {
        var spec = obj.MapOrNew("spec");
        var before = old.MapOrNew("spec");
        var type = spec.Text("type") ?? "ClusterIP";
        if (type != "ExternalName" && before.Text("type") != "ExternalName")
        {
            foreach (var field in (string[])["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"])
            {
                if (spec.GetValueOrDefault(field) is null or "" && before.TryGetValue(field, out var value))
                {
                    spec[field] = JsonTree.Clone(value);
                }
            }
        }
        else if (type == "ExternalName")
        {
            foreach (var field in (string[])["clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"])
            {
                if (JsonTree.Same(spec.GetValueOrDefault(field), before.GetValueOrDefault(field)))
                {
                    spec.Remove(field);
                }
            }

            if (spec.Text("clusterIP") == before.Text("clusterIP"))
            {
                spec.Remove("clusterIP");
            }
        }

        KeepNodePorts(spec, before);
        if (type is "ClusterIP" && before.Text("type") is not "ClusterIP")
        {
            spec.Remove("externalTrafficPolicy");
            spec.Remove("allocateLoadBalancerNodePorts");
        }
    }

    public override void Validate(JsonMap obj, FieldErrors errors) => ServiceRules.Validate(obj, errors);

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
    {
        var now = obj.Map("spec")?.Text("clusterIP");
        var before = old.Map("spec")?.Text("clusterIP");
        if (!string.IsNullOrEmpty(before) && !string.IsNullOrEmpty(now) && now != before && old.Map("spec")?.Text("type") != "ExternalName")
        {
            errors.Invalid("spec.clusterIPs[0]", now, "may not change once set");
        }
    }

    public override ValueTask AllocateAsync(AllocationContext context, JsonMap? obj, JsonMap? old) => ranges.AllocateAsync(context, obj?.Map("spec"), old?.Map("spec"));

    /// <summary>Ports that were given a node port keep it when the update does not name one.</summary>
    private static void KeepNodePorts(JsonMap spec, JsonMap before)
    {
        var wants = spec.Text("type") is "NodePort" or "LoadBalancer";
        var taken = spec.Maps("ports").Select(static p => p.Number("nodePort") ?? 0).ToHashSet();
        foreach (var port in spec.Maps("ports"))
        {
            var same = before.Maps("ports").FirstOrDefault(p => p.Number("port") == port.Number("port") && (p.Text("protocol") ?? "TCP") == (port.Text("protocol") ?? "TCP"));
            var known = same?.Number("nodePort") ?? 0;
            if (wants && port.Number("nodePort") is null or 0 && known > 0 && taken.Add(known))
            {
                port["nodePort"] = known;
            }
            else if (!wants && port.Number("nodePort") == known)
            {
                port.Remove("nodePort");
            }
        }
    }
}
