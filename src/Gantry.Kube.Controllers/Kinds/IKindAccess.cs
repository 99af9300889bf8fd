using Gantry.Kube.Client;
using Gantry.Kube.Model;

namespace Gantry.Kube.Controllers.Kinds;

/// <summary>One kind's cache and verbs, for controllers that treat all kinds alike.</summary>
internal interface IKindAccess
{
    ResourceInfo Resource { get; }

    /// <summary>The cached objects of a namespace.</summary>
    IEnumerable<IKubeObject> InNamespace(string ns);

    /// <summary>The cached objects that name the uid as an owner.</summary>
    IEnumerable<IKubeObject> OwnedBy(string uid);

    /// <summary>The cached object with the uid, or null.</summary>
    IKubeObject? ByUid(string uid);

    /// <summary>Adds a handler: (null, new), (old, new) or (old, null).</summary>
    void Subscribe(Action<IKubeObject?, IKubeObject?> handler);

    /// <summary>Reads from the API, or null.</summary>
    Task<IKubeObject?> ReadAsync(string? ns, string name, CancellationToken cancellationToken);

    /// <summary>Deletes; an object that is gone already is fine.</summary>
    Task DeleteAsync(string? ns, string name, KubeDeleteOptions options, CancellationToken cancellationToken);

    /// <summary>Applies a JSON merge patch; an object that is gone already is fine.</summary>
    Task MergePatchAsync(string? ns, string name, ReadOnlyMemory<byte> patch, CancellationToken cancellationToken);
}
