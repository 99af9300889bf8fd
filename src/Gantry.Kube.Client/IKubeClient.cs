using Gantry.Kube.Model;

namespace Gantry.Kube.Client;

/// <summary>
/// The one way in which controllers, scheduler and node reach the Kubernetes API: in process (same validation, admission
/// and storage as over HTTPS, no sockets) or over HTTPS. Failures are <see cref="KubeStatusException"/>. Returned objects
/// belong to the caller. <c>ns</c> is null for cluster-scoped types, and in lists for all namespaces.
/// </summary>
public interface IKubeClient
{
    Task<T> GetAsync<T>(string? ns, string name, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new();

    Task<KubeList<T>> ListAsync<T>(string? ns, KubeListOptions? options = null, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new();

    /// <summary>Creates; the namespace is that of the object's metadata.</summary>
    Task<T> CreateAsync<T>(T obj, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new();

    /// <summary>Replaces; a resourceVersion in the metadata must be the present one (else Conflict).</summary>
    Task<T> UpdateAsync<T>(T obj, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new();

    /// <summary>Replaces the status subresource only.</summary>
    Task<T> UpdateStatusAsync<T>(T obj, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new();

    /// <summary>Patches; <paramref name="subresource"/> is for example "status" or null.</summary>
    Task<T> PatchAsync<T>(string? ns, string name, KubePatch patch, string? subresource = null, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new();

    /// <summary>Deletes, honouring finalizers, grace period, preconditions and propagation. NotFound is a failure.</summary>
    Task DeleteAsync<T>(string? ns, string name, KubeDeleteOptions? options = null, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new();

    /// <summary>
    /// Changes after <paramref name="resourceVersion"/>, in order. Ends, or throws Expired (410), when the caller has to
    /// list again. Bookmarks come as events of type Bookmark whose object has only a resourceVersion.
    /// </summary>
    IAsyncEnumerable<KubeWatchEvent<T>> WatchAsync<T>(string? ns, string resourceVersion, KubeListOptions? options = null, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new();

    /// <summary>
    /// POSTs JSON to a subresource of an object ("binding", "eviction", "token") and returns the response's JSON.
    /// </summary>
    Task<ReadOnlyMemory<byte>> PostSubresourceAsync(ResourceInfo resource, string? ns, string name, string subresource, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default);
}

/// <summary>A list with its resourceVersion.</summary>
public sealed record KubeList<T>(IReadOnlyList<T> Items, string ResourceVersion, string? Continue);

/// <summary>Selectors and paging of a list or watch, in the API's syntax.</summary>
public sealed record KubeListOptions(string? LabelSelector = null, string? FieldSelector = null, int? Limit = null, string? Continue = null);

/// <summary>The three patch formats, and server-side apply (which needs a field manager).</summary>
public enum KubePatchType
{
    Json,
    Merge,
    StrategicMerge,
    Apply,
}

/// <summary>A patch body with its format.</summary>
public sealed record KubePatch(KubePatchType Type, ReadOnlyMemory<byte> Body, string? FieldManager = null, bool Force = false);

/// <summary>Deletion options. <c>PropagationPolicy</c>: Orphan, Background or Foreground.</summary>
public sealed record KubeDeleteOptions(long? GracePeriodSeconds = null, string? PropagationPolicy = null, string? PreconditionUid = null, string? PreconditionResourceVersion = null);

/// <summary>The kind of a watch event.</summary>
public enum KubeWatchEventType
{
    Added,
    Modified,
    Deleted,
    Bookmark,
}

/// <summary>A watch event. The object may be shared between watchers: treat it as read-only.</summary>
public sealed record KubeWatchEvent<T>(KubeWatchEventType Type, T Object);
