using System.Globalization;
using Gantry.Faults;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Node.Containers;

/// <summary>
/// A container's environment: the Services of its namespace, then envFrom, then env, each able to refer to what came
/// before. A missing ConfigMap, Secret or key that is not optional is a <c>FailedPrecondition</c>.
/// </summary>
internal sealed class EnvironmentBuilder(ObjectSource objects, DownwardApi downward, Informer<Service> services)
{
    public async Task<List<KeyValuePair<string, string>>> BuildAsync(Pod pod, Container container, string? podAddress, CancellationToken cancellationToken)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        AddServices(pod, variables);
        foreach (var source in container.EnvFrom ?? [])
        {
            await AddAllAsync(pod, source, variables, cancellationToken).ConfigureAwait(false);
        }

        foreach (var variable in container.Env ?? [])
        {
            var value = variable.ValueFrom is null
                ? VariableExpansion.Expand(variable.Value ?? "", variables)
                : await FromAsync(pod, container, variable.ValueFrom, podAddress, cancellationToken).ConfigureAwait(false);
            if (value is not null)
            {
                variables[variable.Name] = value;
            }
        }

        return [.. variables];
    }

    private async Task AddAllAsync(Pod pod, EnvFromSource source, Dictionary<string, string> variables, CancellationToken cancellationToken)
    {
        var ns = pod.Metadata.Namespace!;
        IEnumerable<KeyValuePair<string, string>> pairs = [];
        if (source.ConfigMapRef is { } reference)
        {
            var map = await objects.ConfigMapAsync(ns, reference.Name!, cancellationToken).ConfigureAwait(false);
            pairs = map?.Data ?? (reference.Optional == true || map is not null ? [] : throw Missing($"configmap \"{reference.Name}\" not found"));
        }
        else if (source.SecretRef is { } secretReference)
        {
            var secret = await objects.SecretAsync(ns, secretReference.Name!, cancellationToken).ConfigureAwait(false);
            if (secret is null && secretReference.Optional != true)
            {
                throw Missing($"secret \"{secretReference.Name}\" not found");
            }

            pairs = (secret?.Data ?? []).Select(pair => KeyValuePair.Create(pair.Key, System.Text.Encoding.UTF8.GetString(pair.Value)));
        }

        foreach (var (name, value) in pairs)
        {
            // Names that cannot be variables are left out, as upstream does (it also records an event).
            if (name.Length > 0 && !name.Contains('=', StringComparison.Ordinal))
            {
                variables[source.Prefix + name] = value;
            }
        }
    }

    private async Task<string?> FromAsync(Pod pod, Container container, EnvVarSource source, string? podAddress, CancellationToken cancellationToken)
    {
        var ns = pod.Metadata.Namespace!;
        if (source.FieldRef is { } field)
        {
            return downward.Field(pod, field.FieldPath, podAddress);
        }

        if (source.ResourceFieldRef is { } resource)
        {
            return downward.Resource(pod, resource, container);
        }

        if (source.ConfigMapKeyRef is { } mapKey)
        {
            var map = await objects.ConfigMapAsync(ns, mapKey.Name!, cancellationToken).ConfigureAwait(false);
            return map?.Data?.GetValueOrDefault(mapKey.Key)
                ?? (mapKey.Optional == true ? null : throw Missing(map is null ? $"configmap \"{mapKey.Name}\" not found" : $"couldn't find key {mapKey.Key} in ConfigMap {ns}/{mapKey.Name}"));
        }

        if (source.SecretKeyRef is { } secretKey)
        {
            var secret = await objects.SecretAsync(ns, secretKey.Name!, cancellationToken).ConfigureAwait(false);
            return secret?.Data?.TryGetValue(secretKey.Key, out var bytes) == true
                ? System.Text.Encoding.UTF8.GetString(bytes)
                : secretKey.Optional == true ? null : throw Missing(secret is null ? $"secret \"{secretKey.Name}\" not found" : $"couldn't find key {secretKey.Key} in Secret {ns}/{secretKey.Name}");
        }

        return "";
    }

    /// <summary>
    /// The variables of Services that exist when the container starts (docker-links style); of the Service "kubernetes" in
    /// every namespace, of the others where enableServiceLinks is not false.
    /// </summary>
    private void AddServices(Pod pod, Dictionary<string, string> variables)
    {
        foreach (var service in services.List().Where(service => service.Spec?.ClusterIP is { Length: > 0 } and not "None"))
        {
            var isMaster = service.Metadata is { Name: "kubernetes", Namespace: "default" };
            if (!isMaster && (pod.Spec!.EnableServiceLinks == false || service.Metadata.Namespace != pod.Metadata.Namespace))
            {
                continue;
            }

            var name = service.Metadata.Name!.ToUpperInvariant().Replace('-', '_');
            var ports = service.Spec!.Ports ?? [];
            if (ports.Count == 0)
            {
                continue;
            }

            variables[$"{name}_SERVICE_HOST"] = service.Spec.ClusterIP!;
            variables[$"{name}_SERVICE_PORT"] = Text(ports[0].Port);
            foreach (var port in ports.Where(port => !string.IsNullOrEmpty(port.Name)))
            {
                variables[$"{name}_SERVICE_PORT_{port.Name!.ToUpperInvariant().Replace('-', '_')}"] = Text(port.Port);
            }

            AddLinks(name, service.Spec.ClusterIP!, ports, variables);
        }
    }

    private static void AddLinks(string name, string address, List<ServicePort> ports, Dictionary<string, string> variables)
    {
        for (var i = 0; i < ports.Count; i++)
        {
            var protocol = (ports[i].Protocol ?? "TCP").ToLowerInvariant();
            var url = $"{protocol}://{address}:{Text(ports[i].Port)}";
            var prefix = $"{name}_PORT_{Text(ports[i].Port)}_{protocol.ToUpperInvariant()}";
            if (i == 0)
            {
                variables[$"{name}_PORT"] = url;
            }

            variables[prefix] = url;
            variables[$"{prefix}_PROTO"] = protocol;
            variables[$"{prefix}_PORT"] = Text(ports[i].Port);
            variables[$"{prefix}_ADDR"] = address;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static FaultException Missing(string message) => new(FaultKind.FailedPrecondition, message);
}
