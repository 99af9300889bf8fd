using Gantry.Faults;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;

namespace Gantry.Kube.Api.History;

/// <summary>
/// Brings objects back to what they were, through the API's own writes: defaults, admission, validation and reservations hold as for
/// everybody else. What is observed and not wanted (status, events, leases, endpoints, nodes, pods that a controller made) is left to
/// whoever observes it. An object that comes back keeps its uid, so that what it owned belongs to it again.
/// </summary>
public sealed class ClusterUndo
{
    private const string Manager = "gantry-undo";

    private static readonly HashSet<string> s_leftAlone = ["events", "leases.coordination.k8s.io", "endpoints", "endpointslices.discovery.k8s.io", "nodes"];

    private readonly ServerCore _core;
    private readonly ClusterHistory _history;

    internal ClusterUndo(ServerCore core, ClusterHistory history)
    {
        _core = core;
        _history = history;
    }

    /// <summary>
    /// Brings one object (<c>KIND/NAME</c>) back to a moment, or (null) to its version before the present one; versions in which
    /// only the status changed do not count. Returns lines that say what was done. Throws NotFound when that version is not kept.
    /// </summary>
    public async Task<IReadOnlyList<string>> UndoObjectAsync(string kindAndName, string ns, HistoryPoint? to, bool dryRun, CancellationToken cancellationToken)
    {
        var address = _history.Named(kindAndName);
        var key = ClusterHistory.KeyOf(address, ns);
        var versions = await _history.VersionsAsync(key, cancellationToken).ConfigureAwait(false);
        var present = versions.Count > 0 ? versions[0] : throw await _history.NotKeptAsync(address, ns, cancellationToken).ConfigureAwait(false);
        var wanted = to is null
            ? versions.Skip(1).FirstOrDefault(version => Differs(version.Value, present.Value))
                ?? throw new FaultException(FaultKind.NotFound, $"{address.Resource.Qualified} \"{address.Name}\" has no earlier version in the history that is kept")
            : versions.FirstOrDefault(version => version.Revision <= to.Revision);
        // Null here: at that moment the object did not exist.
        var was = wanted?.Value is { } data ? new CachedObject(address.Resource, key, data, wanted.Revision) : null;
        var now = present.Value is { } current ? new CachedObject(address.Resource, key, current, present.Revision) : null;
        var outcome = await ChangeAsync(was, now, dryRun, cancellationToken).ConfigureAwait(false);
        return outcome.Line is null ? [$"{ClusterHistory.Singular(address.Resource)}/{address.Name} is as it was"]
            : outcome.Failed ? throw new FaultException(FaultKind.FailedPrecondition, outcome.Line) : [outcome.Line];
    }

    /// <summary>
    /// Brings a namespace, or (null) the whole cluster, back to a moment. Each object is written on its own; one that cannot be
    /// brought back is reported, and the rest goes on. Returns a line for each object that was changed or failed, and a summary last.
    /// </summary>
    public async Task<IReadOnlyList<string>> UndoStateAsync(string? ns, HistoryPoint to, bool dryRun, CancellationToken cancellationToken)
    {
        var then = await _history.StateAsync(to.Revision, ns, cancellationToken).ConfigureAwait(false);
        if (ns is not null && !then.Keys.Any(key => key == _core.Registry.Core("namespaces").Key(null, ns)))
        {
            throw new FaultException(FaultKind.NotFound, $"namespaces \"{ns}\" was not there at revision {to.Revision}");
        }

        var now = await _history.StateAsync(await _core.Store.ReadRevisionAsync(cancellationToken).ConfigureAwait(false), ns, cancellationToken).ConfigureAwait(false);
        var lines = new List<string>();
        int changed = 0, failed = 0;
        foreach (var key in InOrder(then, now))
        {
            var outcome = await ChangeAsync(then.GetValueOrDefault(key), now.GetValueOrDefault(key), dryRun, cancellationToken).ConfigureAwait(false);
            if (outcome.Line is { } line)
            {
                lines.Add(line);
                changed += outcome.Failed ? 0 : 1;
                failed += outcome.Failed ? 1 : 0;
            }
        }

        lines.Add($"{changed} objects {(dryRun ? "would be " : "")}changed, {failed} could not be");
        return lines;
    }

    /// <summary>Namespaces come first, owners before what they own, and deletions last, in the reverse order.</summary>
    private static IEnumerable<string> InOrder(Dictionary<string, CachedObject> then, Dictionary<string, CachedObject> now)
    {
        var made = then.Values.OrderBy(static item => item.Resource.Qualified == "namespaces" ? 0 : 1)
            .ThenBy(static item => Owners(item).Count).ThenBy(static item => item.Key, StringComparer.Ordinal).Select(static item => item.Key);
        var deleted = now.Values.Where(item => !then.ContainsKey(item.Key))
            .OrderBy(static item => item.Resource.Qualified == "namespaces" ? 1 : 0).ThenBy(static item => Owners(item).Count).Select(static item => item.Key);
        return made.Concat(deleted);
    }

    /// <summary>Makes one object what it was; a null line means that there was nothing to do.</summary>
    private async ValueTask<(string? Line, bool Failed)> ChangeAsync(CachedObject? was, CachedObject? now, bool dryRun, CancellationToken cancellationToken)
    {
        var item = (was ?? now)!;
        var name = $"{ClusterHistory.Singular(item.Resource)}/{item.Name}" + (item.Namespace.Length > 0 ? $" -n {item.Namespace}" : "");
        try
        {
            var done = (was, now) switch
            {
                (null, null) => null,
                _ when s_leftAlone.Contains(item.Resource.Qualified) => null,
                (null, { } extra) => await DeleteAsync(extra, dryRun, cancellationToken).ConfigureAwait(false),
                ({ } lost, null) => await RestoreAsync(lost, dryRun, cancellationToken).ConfigureAwait(false),
                ({ } old, { } present) => await ChangeBackAsync(old, present, dryRun, cancellationToken).ConfigureAwait(false),
            };
            return (done is null ? null : $"{name} {done}", false);
        }
        catch (FaultException e)
        {
            return ($"{name} could not be brought back: {e.Message}", true);
        }
    }

    private async ValueTask<string?> DeleteAsync(CachedObject extra, bool dryRun, CancellationToken cancellationToken)
    {
        // What has a controller goes with it, or is made again by it.
        if (HasController(extra))
        {
            return null;
        }

        try
        {
            await _core.Deleter.DeleteAsync(extra.Resource, NamespaceOf(extra), extra.Name, new DeleteRequest(PropagationPolicy: "Background"), Options(dryRun, keepsIdentity: false), cancellationToken).ConfigureAwait(false);
            return "deleted";
        }
        catch (KubeStatusException e) when (e.Kind == FaultKind.NotFound)
        {
            return null;
        }
    }

    private async ValueTask<string?> RestoreAsync(CachedObject lost, bool dryRun, CancellationToken cancellationToken)
    {
        if (lost.Resource.Qualified == "pods" && HasController(lost))
        {
            return null;
        }

        var tree = lost.Stored.ToTree();
        var metadata = tree.MapOrNew("metadata");
        metadata.Remove("resourceVersion");
        metadata.Remove("deletionTimestamp");
        tree.Remove("status");
        if (lost.Resource.Qualified == "pods" && tree.TryGetMap("spec", out var spec))
        {
            // It is scheduled again.
            spec.Remove("nodeName");
        }

        try
        {
            await _core.CreateAsync(lost.Resource, NamespaceOf(lost), tree, Options(dryRun, keepsIdentity: true), cancellationToken).ConfigureAwait(false);
            return "created again";
        }
        catch (KubeStatusException e) when (e.Reason == "AlreadyExists")
        {
            // It came with another one that was created again, as a namespace's default service account does.
            var entry = await _core.Store.GetAsync(lost.Key, cancellationToken).ConfigureAwait(false);
            return entry is null ? null : await ChangeBackAsync(lost, new CachedObject(lost.Resource, lost.Key, entry.Value, entry.ModRevision), dryRun, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<string?> ChangeBackAsync(CachedObject old, CachedObject present, bool dryRun, CancellationToken cancellationToken)
    {
        if (!Differs(old.Data, present.Data))
        {
            return null;
        }

        var wanted = old.Stored.ToTree();
        await _core.Writer.UpdateAsync(
            old.Resource,
            NamespaceOf(old),
            old.Name,
            null,
            now =>
            {
                var tree = JsonTree.Clone(wanted);
                var metadata = tree.MapOrNew("metadata");
                var current = now.MapOrNew("metadata");
                foreach (var key in (string[])["uid", "resourceVersion", "managedFields"])
                {
                    metadata[key] = JsonTree.Clone(current.GetValueOrDefault(key));
                }

                return tree;
            },
            Options(dryRun, keepsIdentity: false),
            cancellationToken).ConfigureAwait(false);
        return "changed back";
    }

    private static bool Differs(ReadOnlyMemory<byte>? a, ReadOnlyMemory<byte>? b) => (a, b) switch
    {
        (null, null) => false,
        ({ } left, { } right) => FieldChange.Between(JsonTree.ParseMap(left.Span), JsonTree.ParseMap(right.Span), withStatus: false).Count > 0,
        _ => true,
    };

    private static bool HasController(CachedObject item) => Owners(item).Any(static owner => owner.Flag("controller"));

    private static List<JsonMap> Owners(CachedObject item) =>
        JsonTree.ParseMap(item.Data.Span).Map("metadata")?.Maps("ownerReferences").ToList() ?? [];

    private static string? NamespaceOf(CachedObject item) => item.Resource.Namespaced ? item.Namespace : null;

    private static WriteOptions Options(bool dryRun, bool keepsIdentity) => new()
    {
        User = UserInfo.System("system:gantry-undo"),
        FieldManager = Manager,
        DryRun = dryRun,
        KeepsIdentity = keepsIdentity,
    };
}
