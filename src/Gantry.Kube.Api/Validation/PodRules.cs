using System.Globalization;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Api.Validation;

/// <summary>What holds for a pod's spec, in a pod or a template (upstream: core/validation ValidatePodSpec).</summary>
internal static class PodRules
{
    public static void Validate(PodSpec spec, string at, FieldErrors errors)
    {
        if (spec.Containers.Count == 0)
        {
            errors.Required(at + ".containers");
        }

        var volumes = VolumeRules.Validate(spec.Volumes ?? [], at + ".volumes", errors);
        var names = new HashSet<string>();
        for (var i = 0; i < spec.Containers.Count; i++)
        {
            ContainerRules.Validate(spec.Containers[i], Index(at + ".containers", i), names, volumes, isInit: false, errors);
        }

        for (var i = 0; i < spec.InitContainers?.Count; i++)
        {
            ContainerRules.Validate(spec.InitContainers[i], Index(at + ".initContainers", i), names, volumes, isInit: true, errors);
        }

        CheckHostPorts(spec, at, errors);
        CheckName(spec.NodeName, at + ".nodeName", Names.DnsSubdomain, errors);
        CheckName(spec.ServiceAccountName, at + ".serviceAccountName", Names.DnsSubdomain, errors);
        CheckName(spec.Hostname, at + ".hostname", Names.DnsLabel, errors);
        CheckName(spec.Subdomain, at + ".subdomain", Names.DnsLabel, errors);
        if (spec.ActiveDeadlineSeconds is < 1 or > int.MaxValue)
        {
            errors.Invalid(at + ".activeDeadlineSeconds", spec.ActiveDeadlineSeconds, "must be between 1 and 2147483647, inclusive");
        }

        CheckNodeSelector(spec, at, errors);
        CheckTolerations(spec, at, errors);
        if (spec.HostNetwork == true && spec.Containers.SelectMany(static c => c.Ports ?? []).Any(static p => p.HostPort is { } h && h != p.ContainerPortValue))
        {
            errors.Invalid(at + ".containers[*].ports[*].hostPort", null, "must match `containerPort` when `hostNetwork` is true");
        }
    }

    public static string Index(string path, int index) => string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]");

    public static void CheckName(string? value, string field, Func<string, IEnumerable<string>> rule, FieldErrors errors)
    {
        if (string.IsNullOrEmpty(value))
        {
            return;
        }

        foreach (var message in rule(value))
        {
            errors.Invalid(field, value, message);
        }
    }

    private static void CheckNodeSelector(PodSpec spec, string at, FieldErrors errors)
    {
        foreach (var (key, value) in spec.NodeSelector ?? [])
        {
            CheckName(key, at + ".nodeSelector", Names.QualifiedName, errors);
            CheckName(value, at + ".nodeSelector", Names.LabelValue, errors);
        }
    }

    private static void CheckTolerations(PodSpec spec, string at, FieldErrors errors)
    {
        for (var i = 0; i < spec.Tolerations?.Count; i++)
        {
            var toleration = spec.Tolerations[i];
            var field = Index(at + ".tolerations", i);
            CheckName(toleration.Key, field + ".key", Names.QualifiedName, errors);
            if (string.IsNullOrEmpty(toleration.Key) && toleration.Operator != "Exists")
            {
                errors.Invalid(field + ".operator", toleration.Operator ?? "", "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
            }

            if (toleration is { TolerationSeconds: not null } && toleration.Effect != "NoExecute")
            {
                errors.Invalid(field + ".effect", toleration.Effect ?? "", "effect must be 'NoExecute' when `tolerationSeconds` is set");
            }

            if (toleration.Operator == "Exists" && !string.IsNullOrEmpty(toleration.Value))
            {
                errors.Invalid(field + ".operator", "Exists", "value must be empty when `operator` is 'Exists'");
            }
        }
    }

    private static void CheckHostPorts(PodSpec spec, string at, FieldErrors errors)
    {
        var seen = new HashSet<(string?, string?, int)>();
        for (var c = 0; c < spec.Containers.Count; c++)
        {
            var ports = spec.Containers[c].Ports ?? [];
            for (var p = 0; p < ports.Count; p++)
            {
                if (ports[p].HostPort is > 0 and var host && !seen.Add((ports[p].Protocol, ports[p].HostIP, host)))
                {
                    errors.Duplicate(Index(Index(at + ".containers", c) + ".ports", p) + ".hostPort", $"{ports[p].HostIP}/{ports[p].Protocol}/{host}");
                }
            }
        }
    }
}
