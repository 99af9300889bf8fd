using System.Globalization;
using System.Text.RegularExpressions;
using Gantry.Docker.Protocol;
using Gantry.Engine;
using Gantry.Engine.Containers;
using Gantry.Faults;

namespace Gantry.Docker.Translation;

/// <summary>The filters of docker ps.</summary>
internal sealed class ContainerFilter(ContainerEngine engine, Filters filters)
{
    private static readonly string[] s_states = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
    private readonly DateTimeOffset? _before = filters["before"] is [string before, ..] ? engine.Get(before).CreatedAt : null;
    private readonly DateTimeOffset? _since = filters["since"] is [string since, ..] ? engine.Get(since).CreatedAt : null;

    internal bool Matches(ContainerRecord container)
    {
        if (filters["status"].FirstOrDefault(status => !s_states.Contains(status)) is { } unknown)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid filter 'status={unknown}'");
        }

        ContainerSpec spec = container.Spec;
        return (_before is null || container.CreatedAt < _before)
            && (_since is null || container.CreatedAt > _since)
            && filters.MatchLabels(spec.Labels)
            && filters.Match("id", id => container.Id.StartsWith(id, StringComparison.Ordinal))
            && filters.Match("name", name => IsNamed(container, name))
            && filters.Match("status", status => ContainerView.StateName(container) == status)
            && filters.Match("exited", code => container.Status == ContainerStatus.Exited && container.ExitCode.ToString(CultureInfo.InvariantCulture) == code)
            && filters.Match("health", health => (container.Health?.Status ?? "none") == health)
            && filters.Match("ancestor", ancestor => IsAncestor(container, ancestor))
            && filters.Match("volume", volume => container.MountPoints.Exists(point => point.Name == volume || point.Source == volume || point.Destination == volume))
            && filters.Match("network", network => IsOn(container, network))
            && filters.Match("expose", port => spec.ExposedPorts.Contains(Port(port)))
            && filters.Match("publish", port => spec.Ports.Exists(mapping => $"{mapping.ContainerPort}/{mapping.Protocol}" == Port(port) || $"{mapping.HostPort}/{mapping.Protocol}" == Port(port)))
            && filters.Match("is-task", value => value is "false" or "0");
    }

    private static bool IsNamed(ContainerRecord container, string pattern)
    {
        try
        {
            return Regex.IsMatch("/" + container.Name, pattern, RegexOptions.None, TimeSpan.FromSeconds(1)) || Regex.IsMatch(container.Name, pattern, RegexOptions.None, TimeSpan.FromSeconds(1));
        }
        catch (ArgumentException)
        {
            return container.Name == pattern;
        }
    }

    private static bool IsAncestor(ContainerRecord container, string ancestor) =>
        container.Spec.Image == ancestor
        || container.Spec.Image == ancestor + ":latest"
        || container.Spec.Image + ":latest" == ancestor
        || container.ImageId == ancestor
        || (ancestor.Length >= 12 && container.ImageId.StartsWith("sha256:" + ancestor, StringComparison.Ordinal));

    private bool IsOn(ContainerRecord container, string network)
    {
        string mode = container.Spec.NetworkMode is "default" or "" ? "bridge" : container.Spec.NetworkMode;
        return container.Spec.Endpoints.Keys.Prepend(mode).Any(name => name == network)
            || engine.Networks.FindSandbox(container.Id)?.Endpoints.Exists(endpoint => endpoint.NetworkId.StartsWith(network, StringComparison.Ordinal) || endpoint.NetworkName == network) == true;
    }

    private static string Port(string text) => text.Contains('/', StringComparison.Ordinal) ? text : text + "/tcp";
}
