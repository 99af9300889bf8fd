using System.Globalization;
using Gantry.Daemon.Hosting;
using Gantry.Daemon.Storage;
using Gantry.Faults;
using Gantry.Kube.Api.History;
using Gantry.Store;
using Gantry.Store.Sqlite;
using Microsoft.AspNetCore.Http;

namespace Gantry.Daemon.Control;

/// <summary>
/// The cluster's past: GET /history, /history/get and /history/diff, POST /history/undo; GET, POST and DELETE /snapshots, POST
/// /snapshots/restore and /snapshots/fork. Parameters are those of the command line, without their dashes.
/// </summary>
internal static class HistoryRoutes
{
    private delegate Task Answer(Request request);

    public static async ValueTask<bool> TryHandleAsync(HttpContext context, GantryHost host)
    {
        Answer? answer = (context.Request.Method, context.Request.Path.Value) switch
        {
            ("GET", "/history") => static async request => request.Say(await request.History.DescribeAsync(
                request.Required("object"), request.Namespace ?? "default", request.Limit, request.Has("status"), request.Cancellation).ConfigureAwait(false)),
            ("GET", "/history/get") => static async request => request.Say(await request.History.GetAsync(
                request.Required("object"), request.Namespace, await request.PointAsync("at").ConfigureAwait(false), request.Get("output") ?? "", request.Cancellation).ConfigureAwait(false)),
            ("GET", "/history/diff") => static async request => request.Say(await request.History.DiffAsync(
                await request.PointAsync("from").ConfigureAwait(false),
                request.Has("to") ? await request.PointAsync("to").ConfigureAwait(false) : await request.NowAsync().ConfigureAwait(false),
                request.Get("object"),
                request.Namespace,
                request.Has("status"),
                request.Cancellation).ConfigureAwait(false)),
            ("POST", "/history/undo") => UndoAsync,
            ("GET", "/snapshots") => ListAsync,
            ("POST", "/snapshots") => CreateAsync,
            ("DELETE", "/snapshots") => static async request =>
            {
                await request.Store.DeleteSnapshotAsync(request.Required("name"), request.Cancellation).ConfigureAwait(false);
                request.Say([$"snapshot {request.Required("name")} deleted"]);
            }
            ,
            ("POST", "/snapshots/restore") => static async request => request.Say(await request.History.Undo.UndoStateAsync(
                null, await request.SnapshotAsync().ConfigureAwait(false), request.Has("dry-run"), request.Cancellation).ConfigureAwait(false)),
            ("POST", "/snapshots/fork") => ForkAsync,
            _ => null,
        };
        if (answer is null)
        {
            return false;
        }

        await LineResponse.RunAsync(
            context,
            (query, say, cancellationToken) => answer(new Request(host.Cluster.Store, host.Cluster.Api.OpenHistory(host.Cluster.Store), query, say, cancellationToken))).ConfigureAwait(false);
        return true;
    }

    private static async Task UndoAsync(Request request)
    {
        var to = request.Has("to") ? await request.PointAsync("to").ConfigureAwait(false) : null;
        if (request.Get("object") is { Length: > 0 } address)
        {
            request.Say(await request.History.Undo.UndoObjectAsync(address, request.Namespace ?? "default", to, request.Has("dry-run"), request.Cancellation).ConfigureAwait(false));
            return;
        }

        if (request.Namespace is null || to is null)
        {
            throw new FaultException(FaultKind.InvalidArgument, "undo needs KIND/NAME, or -n NAMESPACE with --to");
        }

        request.Say(await request.History.Undo.UndoStateAsync(request.Namespace, to, request.Has("dry-run"), request.Cancellation).ConfigureAwait(false));
    }

    private static async Task ListAsync(Request request)
    {
        var snapshots = await request.Store.ListSnapshotsAsync(request.Cancellation).ConfigureAwait(false);
        request.Say(snapshots.Count == 0
            ? ["No snapshots."]
            : [.. snapshots.Select(static item => string.Create(CultureInfo.InvariantCulture, $"{item.Name}   revision {item.Revision}   state of {item.Time.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}"))]);
    }

    private static async Task CreateAsync(Request request)
    {
        var revision = request.Has("at") ? (await request.PointAsync("at").ConfigureAwait(false)).Revision : 0;
        var name = request.Required("name");
        if (name.Contains('/', StringComparison.Ordinal) || char.IsDigit(name[0]))
        {
            // Digits begin revisions and spans of time, and a person must be able to tell them from a snapshot.
            throw new FaultException(FaultKind.InvalidArgument, $"a snapshot's name begins with no digit and has no slash: {name}");
        }

        var snapshot = await request.Store.CreateSnapshotAsync(name, revision, request.Cancellation).ConfigureAwait(false);
        request.Say([string.Create(CultureInfo.InvariantCulture, $"snapshot {snapshot.Name} is revision {snapshot.Revision}")]);
    }

    /// <summary>Writes a snapshot's state as the cluster of another root, which then is a cluster of its own.</summary>
    private static async Task ForkAsync(Request request)
    {
        var point = await request.SnapshotAsync().ConfigureAwait(false);
        var root = Path.GetFullPath(request.Required("root"));
        if (StoreChoiceFile.Read(root) is not null)
        {
            throw new FaultException(FaultKind.AlreadyExists, $"{root} has a cluster; name another directory");
        }

        var page = await request.Store.RangeAtAsync(new StoreRange("", Revision: point.Revision), request.Cancellation).ConfigureAwait(false);
        SqliteStore.Import(StoreChoice.ToSqliteOptions(root, HistoryLimits.Default), page);
        request.Say(
        [
            string.Create(CultureInfo.InvariantCulture, $"{root} holds the {page.Entries.Count} keys of revision {point.Revision}"),
            $"start it beside this one with addresses and ranges of its own: gantry up --root {root} --api-address ... (gantry help)",
        ]);
    }

    /// <summary>One request: its parameters, and what answers it.</summary>
    private sealed class Request(ClusterStore store, ClusterHistory history, Func<string, string?> query, Action<string> say, CancellationToken cancellation)
    {
        public ClusterStore Store => store;

        public ClusterHistory History => history;

        public CancellationToken Cancellation => cancellation;

        /// <summary>The namespace; null for all.</summary>
        public string? Namespace => query("namespace");

        public int Limit => int.TryParse(query("limit"), NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : 0;

        public string? Get(string name) => query(name);

        public bool Has(string name) => query(name) is not null;

        public string Required(string name) =>
            query(name) is { Length: > 0 } value ? value : throw new FaultException(FaultKind.InvalidArgument, $"{name} is missing");

        public void Say(IReadOnlyList<string> lines)
        {
            foreach (var line in lines)
            {
                say(line);
            }
        }

        public ValueTask<HistoryPoint> PointAsync(string name) => history.ReadPointAsync(Required(name), cancellation);

        public async ValueTask<HistoryPoint> NowAsync()
        {
            var span = await store.GetSpanAsync(cancellation).ConfigureAwait(false);
            return new HistoryPoint(span.NewestRevision, span.NewestTime);
        }

        public async ValueTask<HistoryPoint> SnapshotAsync()
        {
            var name = Required("name");
            var snapshots = await store.ListSnapshotsAsync(cancellation).ConfigureAwait(false);
            return snapshots.FirstOrDefault(snapshot => snapshot.Name == name) is { } found
                ? new HistoryPoint(found.Revision, found.Time)
                : throw new FaultException(FaultKind.NotFound, $"there is no snapshot named {name}");
        }
    }
}
