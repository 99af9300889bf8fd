using System.Collections.Concurrent;
using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Node.Containers;

/// <summary>
/// Reads the ConfigMaps and Secrets that pods refer to, and remembers each for a moment: the containers of a pod, and pods
/// that start together, ask for the same ones.
/// </summary>
internal sealed class ObjectSource(IKubeClient client, TimeProvider time)
{
    private static readonly TimeSpan s_remembered = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<string, (DateTimeOffset ReadAt, IKubeObject? Object)> _recent = new(StringComparer.Ordinal);

    /// <summary>The ConfigMap, or null when it does not exist.</summary>
    public async Task<ConfigMap?> ConfigMapAsync(string ns, string name, CancellationToken cancellationToken) =>
        await ReadAsync<ConfigMap>(ns, name, cancellationToken).ConfigureAwait(false);

    /// <summary>The Secret, or null when it does not exist.</summary>
    public async Task<Secret?> SecretAsync(string ns, string name, CancellationToken cancellationToken) =>
        await ReadAsync<Secret>(ns, name, cancellationToken).ConfigureAwait(false);

    private async Task<T?> ReadAsync<T>(string ns, string name, CancellationToken cancellationToken)
        where T : class, IKubeObject<T>, new()
    {
        var key = $"{typeof(T).Name}/{ns}/{name}";
        var now = time.GetUtcNow();
        if (_recent.TryGetValue(key, out var recent) && now - recent.ReadAt < s_remembered)
        {
            return (T?)recent.Object;
        }

        T? read;
        try
        {
            read = await client.GetAsync<T>(ns, name, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            read = null;
        }

        if (_recent.Count > 256)
        {
            _recent.Clear();
        }

        if (read is not null)
        {
            _recent[key] = (now, read);
        }

        return read;
    }
}
