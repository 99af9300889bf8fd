using System.Globalization;
using Gantry.Faults;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Tables;
using Gantry.Kube.Model;
using Gantry.Store;

namespace Gantry.Kube.Api.History;

/// <summary>
/// What the cluster was: versions of an object, objects as of a moment, and what changed between two moments. Results are lines of
/// text for a person. Changing the cluster back is <see cref="ClusterUndo"/>'s.
/// </summary>
public sealed class ClusterHistory
{
    /// <summary>Observed again all the time, and of no interest in the past unless they are asked for by name.</summary>
    private static readonly HashSet<string> s_observed = ["events", "leases.coordination.k8s.io", "endpoints", "endpointslices.discovery.k8s.io"];

    private readonly ServerCore _core;
    private readonly IStoreHistory _history;
    private readonly Dictionary<string, ResourceType> _byPrefix;
    private readonly PointReader _points;

    internal ClusterHistory(ServerCore core, IStoreHistory history)
    {
        _core = core;
        _history = history;
        _byPrefix = core.Registry.All.Where(static resource => resource.StoredAs == resource).ToDictionary(static resource => resource.Prefix);
        _points = new PointReader(history, core.Time);
        Undo = new ClusterUndo(core, this);
    }

    /// <summary>Brings objects back to what they were.</summary>
    public ClusterUndo Undo { get; }

    /// <summary>Reads how a person names a moment; see <see cref="PointReader"/>.</summary>
    public ValueTask<HistoryPoint> ReadPointAsync(string text, CancellationToken cancellationToken) => _points.ReadAsync(text, cancellationToken);

    /// <summary>
    /// The versions of an object (<c>KIND/NAME</c>), newest first: revision, time, what happened, who did it, and which fields changed.
    /// Versions in which only the status changed are left out unless <paramref name="withStatus"/> is set.
    /// </summary>
    public async Task<IReadOnlyList<string>> DescribeAsync(string kindAndName, string ns, int limit, bool withStatus, CancellationToken cancellationToken)
    {
        var address = Named(kindAndName);
        var versions = await _history.GetVersionsAsync(KeyOf(address, ns), 0, cancellationToken).ConfigureAwait(false);
        if (versions.Count == 0)
        {
            throw await NotKeptAsync(address, ns, cancellationToken).ConfigureAwait(false);
        }

        var table = new TextTable("REVISION", "TIME", "CHANGE", "BY", "FIELDS");
        var shown = 0;
        for (var i = 0; i < versions.Count && (limit == 0 || shown < limit); i++)
        {
            var older = i + 1 < versions.Count ? versions[i + 1].Value : null;
            if (Row(versions[i], older, isOldest: i + 1 == versions.Count, withStatus) is { } row)
            {
                table.Add(row);
                shown++;
            }
        }

        return [.. table.Lines()];
    }

    /// <summary>
    /// Objects as of a moment: of a kind in a namespace (null: in all), or one by name. <paramref name="output"/> is empty for a
    /// table, or json, yaml, name.
    /// </summary>
    public async Task<IReadOnlyList<string>> GetAsync(string kindOrName, string? ns, HistoryPoint point, string output, CancellationToken cancellationToken)
    {
        var address = ObjectAddress.Read(_core.Registry, kindOrName);
        var resource = address.Resource;
        var prefix = address.Name is { } name ? KeyOf(address, ns ?? "default") : resource.RangePrefix(ns);
        var page = await _history.RangeAtAsync(new StoreRange(prefix, Revision: point.Revision), cancellationToken).ConfigureAwait(false);
        var trees = page.Entries.Where(entry => address.Name is null || entry.Key == prefix)
            .Select(entry => new StoredObject(resource, entry.Value, entry.ModRevision).ToTree()).ToList();
        if (address.Name is not null && trees.Count == 0)
        {
            throw new FaultException(FaultKind.NotFound, $"{resource.Qualified} \"{address.Name}\" was not there at revision {point.Revision}");
        }

        return output switch
        {
            "" => Table(resource, trees, showNamespace: ns is null && resource.Namespaced, point.Time),
            "name" => [.. trees.Select(tree => $"{Singular(resource)}/{tree.Map("metadata")?.Text("name")}")],
            "json" => Lines(JsonTree.ToText(Document(address, trees), indented: true)),
            "yaml" => Lines(YamlTree.ToText(Document(address, trees))),
            _ => throw new FaultException(FaultKind.InvalidArgument, $"unknown output format \"{output}\"; give json, yaml or name"),
        };
    }

    /// <summary>What differs between two moments, in one namespace or (null) everywhere, as one line an object and one a field.</summary>
    public async Task<IReadOnlyList<string>> DiffAsync(HistoryPoint from, HistoryPoint to, string? kindOrName, string? ns, bool withStatus, CancellationToken cancellationToken)
    {
        var address = kindOrName is { Length: > 0 } text ? ObjectAddress.Read(_core.Registry, text) : default(ObjectAddress?);
        var before = await StateAsync(from.Revision, ns, cancellationToken).ConfigureAwait(false);
        var after = await StateAsync(to.Revision, ns, cancellationToken).ConfigureAwait(false);
        var lines = new List<string>();
        foreach (var key in before.Keys.Union(after.Keys).Order(StringComparer.Ordinal))
        {
            var old = before.GetValueOrDefault(key);
            var present = after.GetValueOrDefault(key);
            var resource = (old ?? present)!.Resource;
            var isAsked = address is { } asked && asked.Resource == resource && (asked.Name is null || asked.Name == (old ?? present)!.Name);
            if (address is null ? !s_observed.Contains(resource.Qualified) : isAsked)
            {
                AddDifference(lines, old, present, withStatus);
            }
        }

        return lines.Count > 0 ? lines : [$"Nothing differs between revisions {from.Revision} and {to.Revision}."];
    }

    internal ObjectAddress Named(string kindAndName)
    {
        var address = ObjectAddress.Read(_core.Registry, kindAndName);
        return address.Name is not null ? address : throw new FaultException(FaultKind.InvalidArgument, $"{kindAndName} names no object; give KIND/NAME such as deployment/web");
    }

    internal static string KeyOf(ObjectAddress address, string ns) => address.Resource.Key(ns, address.Name!);

    internal ValueTask<IReadOnlyList<StoreVersion>> VersionsAsync(string key, CancellationToken cancellationToken) => _history.GetVersionsAsync(key, 0, cancellationToken);

    /// <summary>All objects at a revision, by key; of one namespace with the namespace itself, or of all.</summary>
    internal async Task<Dictionary<string, CachedObject>> StateAsync(long revision, string? ns, CancellationToken cancellationToken)
    {
        var page = await _history.RangeAtAsync(new StoreRange("/registry/", Revision: revision), cancellationToken).ConfigureAwait(false);
        var state = new Dictionary<string, CachedObject>(StringComparer.Ordinal);
        foreach (var entry in page.Entries)
        {
            if (ObjectAddress.OfKey(_byPrefix, entry.Key) is not { } resource)
            {
                continue;
            }

            var item = new CachedObject(resource, entry.Key, entry.Value, entry.ModRevision);
            if (ns is null || item.Namespace == ns || (resource.Qualified == "namespaces" && item.Name == ns))
            {
                state[entry.Key] = item;
            }
        }

        return state;
    }

    internal async Task<FaultException> NotKeptAsync(ObjectAddress address, string ns, CancellationToken cancellationToken)
    {
        var span = await _history.GetSpanAsync(cancellationToken).ConfigureAwait(false);
        var where = address.Resource.Namespaced ? $" in namespace {ns}" : "";
        return new FaultException(FaultKind.NotFound, $"{address.Resource.Qualified} \"{address.Name}\"{where} has no version since {Format(span.OldestTime)}, where history begins");
    }

    internal static string Format(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    internal static string Singular(ResourceType resource) =>
        resource.Kind.ToLowerInvariant() + (resource.Group.Length == 0 ? "" : "." + resource.Group);

    private static string[]? Row(StoreVersion version, ReadOnlyMemory<byte>? older, bool isOldest, bool withStatus)
    {
        var revision = version.Revision.ToString(CultureInfo.InvariantCulture);
        if (version.Value is not { } value)
        {
            return [revision, Format(version.Time), "deleted", "", ""];
        }

        var tree = JsonTree.ParseMap(value.Span);
        var by = LastManager(tree);
        if (older is not { } olderValue)
        {
            var happened = version.CreateRevision == version.Revision || !isOldest ? "created" : "(older)";
            return [revision, Format(version.Time), happened, by, ""];
        }

        var changes = FieldChange.Between(JsonTree.ParseMap(olderValue.Span), tree, withStatus);
        if (changes.Count == 0)
        {
            return withStatus ? [revision, Format(version.Time), "changed", by, ""] : null;
        }

        var more = changes.Count > 3 ? $", and {changes.Count - 3} more" : "";
        return [revision, Format(version.Time), "changed", by, string.Join(", ", changes.Take(3)) + more];
    }

    /// <summary>Who wrote last, as field ownership knows it.</summary>
    private static string LastManager(JsonMap tree) =>
        tree.Map("metadata")?.Maps("managedFields").OrderBy(static entry => entry.Text("time"), StringComparer.Ordinal).LastOrDefault()?.Text("manager") ?? "";

    private static void AddDifference(List<string> lines, CachedObject? old, CachedObject? present, bool withStatus)
    {
        var item = (present ?? old)!;
        var name = $"{Singular(item.Resource)}/{item.Name}" + (item.Namespace.Length > 0 ? $" -n {item.Namespace}" : "");
        if (old is null || present is null)
        {
            lines.Add($"{(old is null ? '+' : '-')} {name}");
            return;
        }

        if (old.Revision == present.Revision)
        {
            return;
        }

        var changes = FieldChange.Between(old.Stored.ToTree(), present.Stored.ToTree(), withStatus);
        if (changes.Count > 0)
        {
            lines.Add($"~ {name}");
            lines.AddRange(changes.Select(static change => $"    {change}"));
        }
    }

    private static string[] Table(ResourceType resource, List<JsonMap> trees, bool showNamespace, DateTimeOffset time)
    {
        if (trees.Count == 0)
        {
            return ["No resources found."];
        }

        var columns = TableColumns.For(resource).Where(static column => column.Priority == 0).ToList();
        var context = new RowContext(time);
        string[] namespaced = showNamespace ? ["NAMESPACE"] : [];
        var table = new TextTable([.. namespaced, .. columns.Select(static column => column.Name.ToUpperInvariant())]);
        foreach (var tree in trees)
        {
            string[] first = showNamespace ? [tree.Map("metadata")?.Text("namespace") ?? ""] : [];
            table.Add([.. first, .. columns.Select(column => Convert.ToString(column.Cell(tree, context), CultureInfo.InvariantCulture) ?? "")]);
        }

        return [.. table.Lines()];
    }

    private static JsonMap Document(ObjectAddress address, List<JsonMap> trees) => address.Name is not null
        ? trees[0]
        : new JsonMap { ["kind"] = "List", ["apiVersion"] = "v1", ["metadata"] = new JsonMap { ["resourceVersion"] = "" }, ["items"] = trees.Cast<object?>().ToList() };

    private static string[] Lines(string text) => text.TrimEnd('\n').Split('\n');
}
