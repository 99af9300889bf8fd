using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Model;

namespace Gantry.Kube.Controllers.Kinds;

/// <summary>The access to one kind, over its shared informer.</summary>
internal sealed class KindAccess<T> : IKindAccess
    where T : class, IKubeObject<T>, new()
{
    private readonly IKubeClient _client;
    private readonly Informer<T> _informer;
    private readonly InformerIndex<T> _byNamespace;
    private readonly InformerIndex<T> _byOwner;
    private readonly InformerIndex<T> _byUid;

    public KindAccess(InformerSet informers)
    {
        _client = informers.Client;
        _informer = informers.For<T>();
        _byNamespace = _informer.Index(obj => obj.Metadata.Namespace is { } ns ? [ns] : []);
        _byOwner = _informer.Index(obj => (obj.Metadata.OwnerReferences ?? []).Select(owner => owner.Uid).Distinct());
        _byUid = _informer.Index(obj => [obj.Metadata.Uid!]);
    }

    public ResourceInfo Resource => T.ResourceType;

    public IEnumerable<IKubeObject> InNamespace(string ns) => _byNamespace.Get(ns);

    public IEnumerable<IKubeObject> OwnedBy(string uid) => _byOwner.Get(uid);

    public IKubeObject? ByUid(string uid) => _byUid.Get(uid).FirstOrDefault();

    public void Subscribe(Action<IKubeObject?, IKubeObject?> handler) => _informer.Subscribe(handler);

    public async Task<IKubeObject?> ReadAsync(string? ns, string name, CancellationToken cancellationToken)
    {
        try
        {
            return await _client.GetAsync<T>(ns, name, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            return null;
        }
    }

    public async Task DeleteAsync(string? ns, string name, KubeDeleteOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await _client.DeleteAsync<T>(ns, name, options, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            // Gone already, which is what was wanted.
        }
    }

    public async Task MergePatchAsync(string? ns, string name, ReadOnlyMemory<byte> patch, CancellationToken cancellationToken)
    {
        try
        {
            await _client.PatchAsync<T>(ns, name, new KubePatch(KubePatchType.Merge, patch), null, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            // Gone already: nothing is left to patch.
        }
    }
}
