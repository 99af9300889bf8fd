using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Containers;
using Gantry.Kube.Node.Runtime;

namespace Gantry.Kube.Node.Pods;

/// <summary>Turns a pod into the sandbox that the runtime is asked for.</summary>
internal static class SandboxConfigBuilder
{
    // The kernel's limit for a host name is 64 with its zero; kubelet cuts at 63.
    private const int MaxHostName = 63;

    public static SandboxConfig Build(Pod pod, int attempt, string cgroup, KubeletOptions options)
    {
        var spec = pod.Spec!;
        return new SandboxConfig
        {
            Namespace = pod.Metadata.Namespace!,
            Name = pod.Metadata.Name!,
            PodUid = pod.Metadata.Uid!,
            Attempt = attempt,
            HostName = spec.HostNetwork == true ? options.NodeName : HostName(pod, options),
            HostNetwork = spec.HostNetwork == true,
            HostPid = spec.HostPID == true,
            HostIpc = spec.HostIPC == true,
            ShareProcessNamespace = spec.ShareProcessNamespace == true,
            Dns = Dns(pod, options),
            HostAliases = (spec.HostAliases ?? []).ConvertAll(alias => (alias.Ip, (IReadOnlyList<string>)(alias.Hostnames ?? []))),
            Sysctls = (spec.SecurityContext?.Sysctls ?? []).ToDictionary(sysctl => sysctl.Name, sysctl => sysctl.Value, StringComparer.Ordinal),
            Labels = new Dictionary<string, string>(pod.Metadata.Labels ?? [], StringComparer.Ordinal)
            {
                [RuntimeLabels.PodName] = pod.Metadata.Name!,
                [RuntimeLabels.PodNamespace] = pod.Metadata.Namespace!,
                [RuntimeLabels.PodUid] = pod.Metadata.Uid!,
            },
            CgroupParent = cgroup,
            HostPorts = [.. spec.Containers.SelectMany(container => container.Ports ?? []).Where(port => port.HostPort > 0 && spec.HostNetwork != true)
                .Select(port => (port.HostIP ?? "", port.HostPort!.Value, port.ContainerPortValue, (port.Protocol ?? "TCP").ToLowerInvariant()))],
        };
    }

    private static string HostName(Pod pod, KubeletOptions options)
    {
        var name = pod.Spec!.Hostname is { Length: > 0 } own ? own : pod.Metadata.Name!;
        name = name.Length > MaxHostName ? name[..MaxHostName].TrimEnd('-', '.') : name;
        return pod.Spec.SetHostnameAsFQDN == true && pod.Spec.Subdomain is { Length: > 0 } subdomain
            ? $"{name}.{subdomain}.{pod.Metadata.Namespace}.svc.{options.ClusterDomain}"
            : name;
    }

    /// <summary>dnsPolicy and dnsConfig, as https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ describes.</summary>
    private static SandboxDns? Dns(Pod pod, KubeletOptions options)
    {
        var policy = pod.Spec!.DnsPolicy ?? "ClusterFirst";
        if (policy == "ClusterFirst" && pod.Spec.HostNetwork == true)
        {
            policy = "Default";
        }

        var config = pod.Spec.DnsConfig;
        if (policy == "Default" && config is null)
        {
            return null;
        }

        var servers = new List<string>();
        var searches = new List<string>();
        var settings = new List<string>();
        if (policy is "ClusterFirst" or "ClusterFirstWithHostNet")
        {
            servers.Add(options.ClusterDns);
            searches.AddRange([$"{pod.Metadata.Namespace}.svc.{options.ClusterDomain}", $"svc.{options.ClusterDomain}", options.ClusterDomain]);
            settings.Add("ndots:5");
        }

        servers.AddRange(config?.Nameservers ?? []);
        searches.AddRange(config?.Searches ?? []);
        foreach (var option in config?.Options ?? [])
        {
            settings.RemoveAll(present => present.Split(':')[0] == option.Name);
            settings.Add(string.IsNullOrEmpty(option.Value) ? option.Name! : $"{option.Name}:{option.Value}");
        }

        return new SandboxDns(servers, searches, settings);
    }
}
