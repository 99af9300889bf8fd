using System.Globalization;
using Gantry.Daemon.Hosting;
using Gantry.Daemon.Storage;
using Gantry.Faults;
using Gantry.Store.Sqlite;
using Microsoft.AspNetCore.Http;

namespace Gantry.Daemon.Control;

/// <summary>
/// The cluster's store: GET /store, POST /store/defragment, /store/check, /store/backup?path=FILE, POST /store/migrate?store=KIND&amp;etcd-endpoints=... (the settings
/// of the target).
/// </summary>
internal static class StoreRoutes
{
    public static async ValueTask<bool> TryHandleAsync(HttpContext context, GantryHost host)
    {
        switch (context.Request.Method, context.Request.Path.Value)
        {
            case ("GET", "/store"):
                await LineResponse.RunAsync(context, (_, say, cancellationToken) => DescribeAsync(host.Cluster, say, cancellationToken)).ConfigureAwait(false);
                return true;
            case ("POST", "/store/defragment"):
                await LineResponse.RunAsync(context, async (_, say, cancellationToken) =>
                {
                    var before = await host.Cluster.Store.GetStatusAsync(cancellationToken).ConfigureAwait(false);
                    await host.Cluster.Store.DefragmentAsync(cancellationToken).ConfigureAwait(false);
                    var after = await host.Cluster.Store.GetStatusAsync(cancellationToken).ConfigureAwait(false);
                    say($"{Size(before.SizeBytes)} before, {Size(after.SizeBytes)} now");
                }).ConfigureAwait(false);
                return true;
            case ("POST", "/store/backup"):
                await LineResponse.RunAsync(context, async (query, say, cancellationToken) =>
                {
                    var path = query("path") is { Length: > 0 } given ? given : throw new FaultException(FaultKind.InvalidArgument, "say where to: gantry store backup FILE");
                    await Embedded(host.Cluster, "etcdctl snapshot save").BackupAsync(path, cancellationToken).ConfigureAwait(false);
                    say($"{path} holds the cluster with its history and snapshots; its history lies beside it, and both belong together");
                }).ConfigureAwait(false);
                return true;
            case ("POST", "/store/check"):
                await LineResponse.RunAsync(context, async (_, say, cancellationToken) =>
                {
                    await Embedded(host.Cluster, "etcdctl endpoint hashkv --cluster").CheckAsync(cancellationToken).ConfigureAwait(false);
                    say("Every page of the store and of its history is as it should be.");
                }).ConfigureAwait(false);
                return true;
            case ("POST", "/store/migrate"):
                // Once it has begun it ends: whoever asked may leave.
                await LineResponse.RunAsync(context, (query, say, _) => host.Cluster.MigrateAsync(Target(query), say, CancellationToken.None)).ConfigureAwait(false);
                return true;
            default:
                return false;
        }
    }

    private static async Task DescribeAsync(ClusterRooms cluster, Action<string> say, CancellationToken cancellationToken)
    {
        var status = await cluster.Store.GetStatusAsync(cancellationToken).ConfigureAwait(false);
        var span = await cluster.Store.GetSpanAsync(cancellationToken).ConfigureAwait(false);
        say($"Store      {status.Engine}, {status.Location}");
        say(string.Create(CultureInfo.InvariantCulture, $"Revision   {status.Revision}; lists and watches can begin after {status.CompactedRevision}"));
        say(string.Create(CultureInfo.InvariantCulture, $"History    since revision {span.OldestRevision}, {span.OldestTime.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}"));
        say($"On disk    {Size(status.SizeBytes)}, of which {Size(status.UsedBytes)} used");
        foreach (var warning in status.Warnings)
        {
            say($"Warning    {warning}");
        }
    }

    /// <summary>The embedded store; etcd has its own tool for this.</summary>
    private static SqliteStore Embedded(ClusterRooms cluster, string instead) => cluster.Store.Current as SqliteStore
        ?? throw new FaultException(FaultKind.NotImplemented, $"the cluster is in {cluster.Choice}: use etcd's own \"{instead}\"");

    private static StoreChoice Target(Func<string, string?> query)
    {
        var errors = new List<string>();
        var target = StoreChoice.Read(query, errors);
        if (target is null)
        {
            errors.Add("say where to: --to sqlite, or --to etcd with --etcd-endpoints");
        }

        return errors.Count == 0 ? target! : throw new FaultException(FaultKind.InvalidArgument, string.Join("; ", errors));
    }

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):0.0} MiB");
}
