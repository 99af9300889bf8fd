using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Probes;
using Gantry.Kube.Node.Runtime;

namespace Gantry.Kube.Node.Pods;

/// <summary>What a pod worker knows of its pod beyond the API: the runtime's report, the probers, and why containers wait.</summary>
internal sealed class PodRuntimeState
{
    private readonly Dictionary<string, ContainerProber> _probers = new(StringComparer.Ordinal);

    /// <summary>The newest sandbox, or null.</summary>
    public PodSandbox? Sandbox { get; private set; }

    /// <summary>All containers of the pod, each name's runs in order.</summary>
    public IReadOnlyList<PodContainer> Containers { get; private set; } = [];

    /// <summary>Why containers that do not run wait: reason and message by container name.</summary>
    public Dictionary<string, (string Reason, string Message)> Waiting { get; } = new(StringComparer.Ordinal);

    /// <summary>The status that was last written; null before the first.</summary>
    public PodStatus? LastWritten { get; set; }

    public async Task LoadAsync(IPodRuntime runtime, string podUid, CancellationToken cancellationToken)
    {
        var sandboxes = await runtime.ListSandboxesAsync(cancellationToken).ConfigureAwait(false);
        Sandbox = sandboxes.Where(sandbox => sandbox.PodUid == podUid).MaxBy(sandbox => sandbox.Attempt);
        var containers = await runtime.ListContainersAsync(cancellationToken).ConfigureAwait(false);
        Containers = [.. containers.Where(container => container.PodUid == podUid).OrderBy(container => container.Attempt).ThenBy(container => container.CreatedAt)];
    }

    /// <summary>The newest run of a container, or null.</summary>
    public PodContainer? Latest(string name) => Containers.LastOrDefault(container => container.Name == name);

    /// <summary>The run before the newest one, or null.</summary>
    public PodContainer? Previous(string name) => Containers.Where(container => container.Name == name).SkipLast(1).LastOrDefault();

    public ContainerProber? Prober(string name) => _probers.GetValueOrDefault(name);

    public void SetProber(string name, ContainerProber prober) => _probers[name] = prober;

    public async ValueTask StopProberAsync(string name)
    {
        if (_probers.Remove(name, out var prober))
        {
            await prober.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask StopProbersAsync()
    {
        foreach (var name in _probers.Keys.ToList())
        {
            await StopProberAsync(name).ConfigureAwait(false);
        }
    }
}
