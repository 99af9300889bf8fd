using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Strategies;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Api.Validation;

/// <summary>What holds for a service (upstream: core/validation ValidateService).</summary>
internal static class ServiceRules
{
    public static void Validate(JsonMap obj, FieldErrors errors)
    {
        var spec = TypedTree.Read<Service>(obj).Spec ?? new();
        var headless = spec.ClusterIP == "None";
        var ports = spec.Ports ?? [];
        if (ports.Count == 0 && !headless && spec.Type != "ExternalName")
        {
            errors.Required("spec.ports");
        }

        if (spec.Type == "LoadBalancer" && headless)
        {
            errors.Invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for LoadBalancer services");
        }

        if (spec.Type == "NodePort" && headless)
        {
            errors.Invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for NodePort services");
        }

        ValidateExternalName(spec, errors);
        ValidatePorts(ports, errors);
        foreach (var (key, value) in spec.Selector ?? [])
        {
            PodRules.CheckName(key, "spec.selector", Names.QualifiedName, errors);
            PodRules.CheckName(value, "spec.selector", Names.LabelValue, errors);
        }

        if (spec.SessionAffinityConfig?.ClientIP?.TimeoutSeconds is { } timeout and (<= 0 or > 86400))
        {
            errors.Invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", timeout, "must be greater than 0 and less than 86400");
        }

        for (var i = 0; i < spec.ExternalIPs?.Count; i++)
        {
            if (!System.Net.IPAddress.TryParse(spec.ExternalIPs[i], out _))
            {
                errors.Invalid(PodRules.Index("spec.externalIPs", i), spec.ExternalIPs[i], "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
            }
        }
    }

    private static void ValidateExternalName(ServiceSpec spec, FieldErrors errors)
    {
        if (spec.Type != "ExternalName")
        {
            return;
        }

        if (!string.IsNullOrEmpty(spec.ClusterIP))
        {
            errors.Forbidden("spec.clusterIPs[0]", "may not be set for ExternalName services");
        }

        if (string.IsNullOrEmpty(spec.ExternalName))
        {
            errors.Required("spec.externalName");
        }
        else
        {
            PodRules.CheckName(spec.ExternalName.TrimEnd('.'), "spec.externalName", Names.DnsSubdomain, errors);
        }
    }

    private static void ValidatePorts(List<ServicePort> ports, FieldErrors errors)
    {
        var names = new HashSet<string>();
        var numbers = new HashSet<(int, string?)>();
        for (var i = 0; i < ports.Count; i++)
        {
            var port = ports[i];
            var at = PodRules.Index("spec.ports", i);
            if (string.IsNullOrEmpty(port.Name))
            {
                if (ports.Count > 1)
                {
                    errors.Required(at + ".name");
                }
            }
            else
            {
                PodRules.CheckName(port.Name, at + ".name", Names.DnsLabel, errors);
                if (!names.Add(port.Name))
                {
                    errors.Duplicate(at + ".name", port.Name);
                }
            }

            ContainerRules.CheckPort(port.Port, at + ".port", errors);
            if (port.TargetPort is { } target)
            {
                ContainerRules.CheckPortOrName(target, at + ".targetPort", errors);
            }

            if (!numbers.Add((port.Port, port.Protocol)))
            {
                errors.Duplicate(at, new JsonMap { ["port"] = (long)port.Port, ["protocol"] = port.Protocol });
            }
        }
    }
}
