using System.Globalization;
using Gantry.Engine.Archives;
using Gantry.Engine.Specs;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Images.Snapshots;
using Gantry.Linux.Trees;
using Gantry.Monitor;
using Gantry.Network;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Containers;

/// <summary>
/// Brings a container's process up and takes everything of a run down again. The caller holds the container's turn. What
/// is made here is found again by the container's id: network sandbox, root mount, bundle, monitor socket, cgroup.
/// </summary>
internal sealed class ContainerLauncher(
    EngineOptions options, ImageService images, NetworkService networks, NetworkPlanner planner, MountResolver mounts)
{
    /// <summary>Creates the process, connects the waiting streams, and starts it. When anything fails nothing of the run stays.</summary>
    internal async Task<MonitorClient> LaunchAsync(Container container, CancellationToken cancellationToken)
    {
        ContainerRecord record = container.Record;
        MonitorClient? monitor = null;
        bool launching = false;
        try
        {
            NamespacePlan namespaces = await planner.PrepareAsync(record, cancellationToken).ConfigureAwait(false);
            string root = MountRoot(record);
            await FillVolumesAsync(record, root, cancellationToken).ConfigureAwait(false);
            WriteBundle(record, root, namespaces);
            File.Delete(Path.Combine(BundlePath(record.Id), ExitRecord.FileName));
            launching = true;
            monitor = await MonitorClient.LaunchAsync(Launch(record), cancellationToken).ConfigureAwait(false);
            await ConnectWaitingAsync(container, monitor, cancellationToken).ConfigureAwait(false);
            await monitor.StartAsync(cancellationToken).ConfigureAwait(false);
            return monitor;
        }
        catch (Exception exception)
        {
            if (monitor is not null)
            {
                await monitor.DisposeAsync().ConfigureAwait(false);
                await MonitorClient.CleanupAsync(Launch(record), CancellationToken.None).ConfigureAwait(false);
            }

            await ReleaseAsync(record).ConfigureAwait(false);
            EndWaiting(container);
            throw exception is FaultException fault && !launching ? fault : Wrap(exception);
        }
    }

    /// <summary>Releases what a run holds beside its process: network, root mount. What is absent is ignored.</summary>
    internal async Task ReleaseAsync(ContainerRecord record)
    {
        await ReleaseNetworkAsync(record).ConfigureAwait(false);
        if (record.Spec.RootDirectory is null)
        {
            images.Snapshots.TryGet(record.Id)?.Unmount();
        }
    }

    /// <summary>Releases the network sandbox of a container that has one of its own.</summary>
    internal Task ReleaseNetworkAsync(ContainerRecord record) =>
        record.Spec.SandboxId is null ? networks.RemoveSandboxAsync(record.Id, CancellationToken.None) : Task.CompletedTask;

    /// <summary>Kills and removes what a lost monitor or a start that was cut off left behind.</summary>
    internal async Task CleanUpAsync(ContainerRecord record)
    {
        if (File.Exists(SocketPath(record.Id)) || Directory.Exists(Path.Combine(options.RuntimeRoot, record.Id)))
        {
            await MonitorClient.CleanupAsync(Launch(record), CancellationToken.None).ConfigureAwait(false);
        }

        // Nothing as a rule; the runtime's own state may have been lost with the run directory.
        await Task.Run(ContainerCgroup.Open(options, record).Remove).ConfigureAwait(false);
        await ReleaseAsync(record).ConfigureAwait(false);
    }

    internal Task<MonitorClient> ConnectAsync(ContainerRecord record, CancellationToken cancellationToken) =>
        MonitorClient.ConnectAsync(SocketPath(record.Id), cancellationToken);

    internal ExitRecord? ReadExit(ContainerRecord record) => MonitorClient.ReadExit(BundlePath(record.Id));

    /// <summary>Where the container's log is; null when it has none.</summary>
    internal string? LogPath(ContainerRecord record) =>
        record.Spec.LogDriver == "none" ? null : record.Spec.LogPath ?? Path.Combine(BundlePath(record.Id), $"{record.Id}-json.log");

    internal string BundlePath(string id) => Path.Combine(options.ContainersDirectory, id);

    internal static string CgroupPath(EngineOptions options, ContainerRecord record) =>
        $"/{(record.Spec.CgroupParent.Length > 0 ? record.Spec.CgroupParent : options.CgroupParent).Trim('/')}/{record.Id}";

    /// <summary>Mounts the root where it is not mounted, and returns it.</summary>
    internal string MountRoot(ContainerRecord record)
    {
        if (record.Spec.RootDirectory is { } prepared)
        {
            return prepared;
        }

        SnapshotMount snapshot = images.Snapshots.TryGet(record.Id)
            ?? throw new FaultException(FaultKind.DataLoss, $"container {record.Id}: its root file system is gone; remove the container and create it again");
        // A mount that an earlier run left (gantryd was killed) is of the same snapshot, but may be stale after a layer was lost.
        snapshot.Unmount();
        return snapshot.Mount();
    }

    private string SocketPath(string id) => Path.Combine(options.SocketDirectory, id[..24] + ".sock");

    private MonitorLaunch Launch(ContainerRecord record) => new()
    {
        RuntimePath = options.RuntimePath,
        OciRuntime = options.OciRuntimes.GetValueOrDefault(record.Spec.Runtime),
        ContainerId = record.Id,
        BundlePath = BundlePath(record.Id),
        StateDirectory = BundlePath(record.Id),
        SocketPath = SocketPath(record.Id),
        RuntimeRoot = options.RuntimeRoot,
        OpenStdin = record.Spec.OpenStdin,
        StdinOnce = record.Spec.StdinOnce,
        Log = LogPath(record) is { } path ? new LogTarget(path, MaxSize(record.Spec), MaxFiles(record.Spec)) : null,
    };

    private void WriteBundle(ContainerRecord record, string root, NamespacePlan namespaces)
    {
        RuntimeSpecBuilder builder = new(record, root, namespaces);
        List<(string Source, string Target)> files = planner.WriteFiles(record, builder.HostName);
        EnsureWorkingDirectory(record, root);
        RuntimeSpec spec = builder.Build(CgroupPath(options, record), files, mounts.Translate(record.MountPoints));
        File.WriteAllBytes(Path.Combine(BundlePath(record.Id), "config.json"), RuntimeSpecJson.Write(spec));
        if (LogPath(record) is { } log)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(log)!);
        }
    }

    private static void EnsureWorkingDirectory(ContainerRecord record, string root)
    {
        string path = record.Spec.WorkingDirectory.Trim('/');
        if (path.Length == 0)
        {
            return;
        }

        using Tree tree = Tree.Open(root, TreeResolve.InRoot);
        if (tree.TryStat(path) is null)
        {
            tree.CreateDirectories(path, 0x1ed); // 0755
        }
    }

    /// <summary>An empty volume gets the files that the image has at its place (Docker's copy-up).</summary>
    private static async Task FillVolumesAsync(ContainerRecord record, string root, CancellationToken cancellationToken)
    {
        foreach (MountPoint point in record.MountPoints.Where(point => point.Kind == ContainerMountKind.Volume && !point.Options.Contains("nocopy")))
        {
            if (!Directory.EnumerateFileSystemEntries(point.Source).Any())
            {
                await TreeCopy.CopyAsync(root, point.Destination, point.Source, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async Task ConnectWaitingAsync(Container container, MonitorClient monitor, CancellationToken cancellationToken)
    {
        foreach (ContainerStreams streams in TakeWaiting(container))
        {
            await streams.ConnectAsync(monitor, null, cancellationToken).ConfigureAwait(false);
        }
    }

    private static void EndWaiting(Container container)
    {
        foreach (ContainerStreams streams in TakeWaiting(container))
        {
            streams.End();
        }
    }

    private static ContainerStreams[] TakeWaiting(Container container)
    {
        lock (container.Waiting)
        {
            ContainerStreams[] waiting = [.. container.Waiting];
            container.Waiting.Clear();
            return waiting;
        }
    }

    /// <summary>The runtime's refusal is the user's fault as a rule: a program that is not there, a mount that cannot be made.</summary>
    private static FaultException Wrap(Exception exception) =>
        new(exception is FaultException { Kind: not FaultKind.Unavailable } ? FaultKind.InvalidArgument : FaultKind.Internal, "failed to create task for container: " + exception.Message, exception);

    private static long MaxSize(ContainerSpec spec)
    {
        if (!spec.LogOptions.TryGetValue("max-size", out string? text) || text.Length == 0)
        {
            return 0;
        }

        long unit = char.ToLowerInvariant(text[^1]) switch { 'k' => 1L << 10, 'm' => 1L << 20, 'g' => 1L << 30, _ => 1 };
        return long.TryParse(text.TrimEnd('k', 'm', 'g', 'K', 'M', 'G', 'b'), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number * unit
            : throw new FaultException(FaultKind.InvalidArgument, $"invalid log option max-size: {text}");
    }

    private static int MaxFiles(ContainerSpec spec) =>
        spec.LogOptions.TryGetValue("max-file", out string? text) && int.TryParse(text, out int files) && files > 0 ? files : 1;
}
