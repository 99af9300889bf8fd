using Gantry.Kube.Api.Admission;
using Gantry.Kube.Api.Bootstrap;
using Gantry.Kube.Api.FieldOwnership;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Storage;
using Gantry.Kube.Api.Strategies;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Schemas;
using Gantry.Store;

namespace Gantry.Kube.Api.Requests;

/// <summary>The API server without its protocol: what the HTTP door and the in-process client share.</summary>
internal sealed class ServerCore : IAsyncDisposable
{
    private readonly List<IAdmission> _admissions;

    public ServerCore(IStore store, KubeApiOptions options)
    {
        Store = store;
        Options = options;
        Time = options.Time;
        Ranges = new ServiceRanges(options.ServiceRange, options.FirstNodePort, options.LastNodePort);
        Registry = new ResourceRegistry(SchemaCatalog.BuiltIn, Ranges);
        Caches = new CacheSet(store);
        Reader = new ObjectReader(store, Caches, Time);
        _admissions = [new NamespaceLifecycle(this), new ServiceAccountAdmission(this), new PodDefaultsAdmission()];
        var tracker = new FieldTracker(Time);
        Writer = new ObjectWriter(store, _admissions, tracker, Time);
        Patcher = new ObjectPatcher(Writer, new ApplyMerger(tracker));
        Deleter = new ObjectDeleter(store, _admissions, new NamespaceContents(this).RestoreAsync, Time);
    }

    public IStore Store { get; }

    public KubeApiOptions Options { get; }

    public TimeProvider Time { get; }

    public ServiceRanges Ranges { get; }

    public ResourceRegistry Registry { get; }

    public CacheSet Caches { get; }

    public ObjectReader Reader { get; }

    public ObjectWriter Writer { get; }

    public ObjectPatcher Patcher { get; }

    public ObjectDeleter Deleter { get; }

    /// <summary>The authority's certificate, which every namespace has in a ConfigMap; set by the server.</summary>
    public string AuthorityPem { get; set; } = "";

    public async ValueTask<StoredObject> CreateAsync(ResourceType resource, string? ns, JsonMap obj, WriteOptions options, CancellationToken cancellationToken)
    {
        var made = await Writer.CreateAsync(resource, ns, ToStored(resource, obj), options, cancellationToken).ConfigureAwait(false);
        if (resource.Qualified == "namespaces" && !options.DryRun)
        {
            // Upstream leaves this to controllers; here a pod can be created right after its namespace.
            await new NamespaceContents(this).EnsureAsync(JsonProbe.ReadPath(made.Data.Span, "metadata.name")!, cancellationToken).ConfigureAwait(false);
        }

        return made;
    }

    /// <summary>Replaces an object; where the resource allows it, makes it when it does not exist.</summary>
    public async ValueTask<(StoredObject Object, bool Created)> UpdateAsync(ResourceType resource, string? ns, string name, string? subresource, JsonMap obj, WriteOptions options, CancellationToken cancellationToken)
    {
        var tree = ToStored(resource, obj);
        try
        {
            return (await Writer.UpdateAsync(resource, ns, name, subresource, _ => JsonTree.Clone(tree), options, cancellationToken).ConfigureAwait(false), false);
        }
        catch (KubeStatusException e) when (e.Reason == "NotFound" && subresource is null && resource.StoredAs.Strategy.AllowsCreateOnUpdate && tree.MapOrNew("metadata").Text("resourceVersion") is null or "")
        {
            return (await Writer.CreateAsync(resource, ns, tree, options, cancellationToken).ConfigureAwait(false), true);
        }
    }

    /// <summary>Adds an admission step; before the first request.</summary>
    public void AddAdmission(IAdmission admission) => _admissions.Add(admission);

    public ValueTask DisposeAsync() => Caches.DisposeAsync();

    private static JsonMap ToStored(ResourceType resource, JsonMap obj) => resource.StoredAs == resource ? obj : EventConversion.ToCore(obj);
}
