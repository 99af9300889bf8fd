using System.Runtime.CompilerServices;
using System.Text.Json;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Selectors;
using Gantry.Kube.Client;
using Gantry.Kube.Model;

namespace Gantry.Kube.Api.InProcess;

/// <summary>
/// The API without sockets: the same defaults, admission, validation and storage as over HTTPS, as one identity that is not
/// asked for permission. A watched object is parsed once and shared by all in-process watchers.
/// </summary>
internal sealed class InProcessKubeClient(ServerCore core, SubresourceService subresources, UserInfo user) : IKubeClient
{
    public async Task<T> GetAsync<T>(string? ns, string name, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new()
        => Parse<T>(await core.Reader.GetAsync(Resource<T>(), ns, name, cancellationToken).ConfigureAwait(false));

    public async Task<KubeList<T>> ListAsync<T>(string? ns, KubeListOptions? options = null, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new()
    {
        var list = await core.Reader.ListAsync(Resource<T>(), ns, Query(Resource<T>(), options, null), cancellationToken).ConfigureAwait(false);
        var items = new List<T>(list.Items.Count);
        foreach (var item in list.Items)
        {
            items.Add(Parse<T>(item.Stored));
        }

        return new KubeList<T>(items, list.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture), list.Continue);
    }

    public async Task<T> CreateAsync<T>(T obj, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new()
        => Parse<T>(await core.CreateAsync(Resource<T>(), obj.Metadata.Namespace, Tree(obj), Options(), cancellationToken).ConfigureAwait(false));

    public Task<T> UpdateAsync<T>(T obj, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new()
        => UpdateAsync(obj, null, cancellationToken);

    public Task<T> UpdateStatusAsync<T>(T obj, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new()
        => UpdateAsync(obj, "status", cancellationToken);

    public async Task<T> PatchAsync<T>(string? ns, string name, KubePatch patch, string? subresource = null, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new()
    {
        var body = patch.Type == KubePatchType.Apply ? YamlOrJson(patch.Body.Span) : JsonTree.Parse(patch.Body.Span);
        var options = new WriteOptions { User = user, FieldManager = patch.FieldManager ?? user.Name, Force = patch.Force };
        var (patched, _) = await core.Patcher.PatchAsync(Resource<T>(), ns, name, subresource, patch.Type, body, options, cancellationToken).ConfigureAwait(false);
        return Parse<T>(patched);
    }

    public async Task DeleteAsync<T>(string? ns, string name, KubeDeleteOptions? options = null, CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new()
    {
        var request = new DeleteRequest(options?.GracePeriodSeconds, options?.PropagationPolicy, options?.PreconditionUid, options?.PreconditionResourceVersion);
        await core.Deleter.DeleteAsync(Resource<T>(), ns, name, request, Options(), cancellationToken).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<KubeWatchEvent<T>> WatchAsync<T>(string? ns, string resourceVersion, KubeListOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where T : class, IKubeObject<T>, new()
    {
        var resource = Resource<T>();
        var query = Query(resource, options, ListQuery.ParseVersion(resourceVersion));
        await foreach (var change in core.Reader.WatchAsync(resource, ns, query, cancellationToken).ConfigureAwait(false))
        {
            if (change.Record is { } record)
            {
                yield return new KubeWatchEvent<T>(change.Type, record.Shown(change.Type).Typed(static o => Parse<T>(o.Stored)));
            }
            else
            {
                var mark = new T();
                mark.Metadata.ResourceVersion = change.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture);
                yield return new KubeWatchEvent<T>(KubeWatchEventType.Bookmark, mark);
            }
        }
    }

    public async Task<ReadOnlyMemory<byte>> PostSubresourceAsync(ResourceInfo resource, string? ns, string name, string subresource, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
    {
        var type = core.Registry.Find(resource.Group, resource.Version, resource.Plural) ?? throw StatusErrors.UnknownPath();
        var tree = JsonTree.ParseMap(body.Span);
        return JsonTree.ToUtf8(await subresources.CreateAsync(type, ns, name, subresource, tree, Options(), cancellationToken).ConfigureAwait(false));
    }

    private async Task<T> UpdateAsync<T>(T obj, string? subresource, CancellationToken cancellationToken)
        where T : class, IKubeObject<T>, new()
    {
        var (updated, _) = await core.UpdateAsync(Resource<T>(), obj.Metadata.Namespace, obj.Metadata.Name ?? "", subresource, Tree(obj), Options(track: subresource is null), cancellationToken).ConfigureAwait(false);
        return Parse<T>(updated);
    }

    /// <summary>
    /// Only updates of main resources are tracked as this component's fields: what components create and the statuses that
    /// they write would make every stored object, event and list much larger. Others lose the fields that are changed anyway.
    /// </summary>
    private WriteOptions Options(bool track = false) => new() { User = user, FieldManager = track ? user.Name : "", FieldValidation = "Ignore" };

    private ResourceType Resource<T>()
        where T : class, IKubeObject<T>, new()
    {
        var info = T.ResourceType;
        return core.Registry.Find(info.Group, info.Version, info.Plural) ?? throw StatusErrors.UnknownPath();
    }

    private static ListQuery Query(ResourceType resource, KubeListOptions? options, long? version) => new()
    {
        Labels = ListQuery.ParseLabels(options?.LabelSelector),
        Fields = FieldMatcher.Parse(options?.FieldSelector, resource),
        Limit = options?.Limit ?? 0,
        Continue = options?.Continue,
        ResourceVersion = version,
        AllowBookmarks = version is not null,
    };

    private static JsonMap Tree<T>(T obj)
        where T : class, IKubeObject<T>, new()
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(2048);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true }))
        {
            obj.WriteJson(writer);
        }

        return JsonTree.ParseMap(buffer.WrittenSpan);
    }

    private static T Parse<T>(StoredObject stored)
        where T : class, IKubeObject<T>, new()
    {
        var data = stored.Data.Span;
        if (stored.Resource.Kind == "Event" && T.ResourceType.Group != stored.Resource.Group)
        {
            data = JsonTree.ToUtf8(EventConversion.FromCore(JsonTree.ParseMap(data)));
        }

        var reader = new Utf8JsonReader(data);
        reader.Read();
        var obj = T.ReadJson(ref reader);
        obj.Metadata.ResourceVersion = stored.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return obj;
    }

    private static object? YamlOrJson(ReadOnlySpan<byte> body)
        => body.Length > 0 && body[0] == '{' ? JsonTree.Parse(body) : YamlTree.Parse(System.Text.Encoding.UTF8.GetString(body));
}
