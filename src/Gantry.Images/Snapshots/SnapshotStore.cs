using System.Collections.Immutable;
using Gantry.Faults;
using Gantry.Images.Content;
using Gantry.Linux.Trees;
using Gantry.Oci;
using Gantry.Store;

namespace Gantry.Images.Snapshots;

/// <summary>
/// Unpacked layers by ChainID, and writable snapshots on them.
/// <para>On disk, below the root: <c>l/&lt;n&gt;</c> a layer's files, <c>i/&lt;n&gt;</c> the mount points that every container on that
/// layer needs, <c>active/&lt;key&gt;</c> a snapshot, <c>tmp</c> what is being made or removed. A layer exists when the store has its
/// record, which is written after its files; whatever has no record is removed at the next start. A snapshot exists when its
/// directory does. So a crash at any moment leaves whole layers and whole snapshots.</para>
/// <para>Safe for concurrent use by one process.</para>
/// </summary>
public sealed partial class SnapshotStore
{
    private const string LayerPrefix = "/images/layers/";

    private readonly string _root;
    private readonly IStore _store;
    private readonly ContentStore _content;
    private readonly SemaphoreSlim _write = new(1, 1);
    private volatile ImmutableDictionary<Digest, Layer> _layers = ImmutableDictionary<Digest, Layer>.Empty;
    private int _nextDirectory;

    private SnapshotStore(string root, IStore store, ContentStore content)
    {
        _root = root;
        _store = store;
        _content = content;
    }

    /// <summary>Opens the store below a directory and removes what an earlier run left half done.</summary>
    internal static async Task<SnapshotStore> OpenAsync(string root, IStore store, ContentStore content, CancellationToken cancellationToken)
    {
        foreach (var directory in new[] { "l", "i", "active", "tmp" })
        {
            Directory.CreateDirectory(Path.Combine(root, directory));
        }
        var snapshots = new SnapshotStore(root, store, content);
        await snapshots.LoadAsync(cancellationToken).ConfigureAwait(false);
        return snapshots;
    }

    /// <summary>Whether a layer is unpacked.</summary>
    public bool Contains(Digest chainId) => _layers.ContainsKey(chainId);

    /// <summary>An unpacked layer, or null.</summary>
    public Layer? TryGetLayer(Digest chainId) => _layers.GetValueOrDefault(chainId);

    /// <summary>
    /// Makes a writable snapshot on a layer, or on nothing. The key names it from now on; it is made of letters, digits,
    /// <c>_.-</c>, at most 128. <c>AlreadyExists</c> when the key is taken, <c>NotFound</c> when the layer is not unpacked.
    /// </summary>
    public Task<SnapshotMount> PrepareAsync(string key, Digest? parent, CancellationToken cancellationToken = default)
    {
        if (key.Length is 0 or > 128 || key[0] == '.' || !key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-'))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"snapshot key \"{key}\" is invalid: use letters, digits, \"_\", \".\" and \"-\"");
        }
        return Task.Run(
            async () =>
            {
                // Not while layers are collected: the parent would be in nobody's use yet.
                await _write.WaitAsync(cancellationToken).ConfigureAwait(false);
                try
                {
                    return Prepare(key, parent);
                }
                finally
                {
                    _write.Release();
                }
            },
            cancellationToken);
    }

    /// <summary>A snapshot, or null.</summary>
    public SnapshotMount? TryGet(string key) => TryReadParent(key, out var parent) ? MountOf(key, parent) : null;

    /// <summary>The layer that a snapshot stands on; null for nothing. <c>NotFound</c> for an unknown key.</summary>
    public Digest? GetParent(string key) => TryReadParent(key, out var parent) ? parent : throw NoSnapshot(key);

    /// <summary>The keys of all snapshots.</summary>
    public IReadOnlyList<string> ListKeys() =>
        [.. Directory.EnumerateDirectories(Path.Combine(_root, "active")).Select(path => Path.GetFileName(path))];

    /// <summary>Removes a snapshot with its files; nothing when there is none. It must not be mounted outside its own mount point.</summary>
    public Task RemoveAsync(string key, CancellationToken cancellationToken = default) => Task.Run(() =>
    {
        var active = Path.Combine(_root, "active", key);
        if (Directory.Exists(active))
        {
            OverlayMount.Unmount(Path.Combine(active, "merged"));
            var trash = TemporaryPath();
            Directory.Move(active, trash);
            RemoveTemporary(trash);
        }
    }, cancellationToken);

    /// <summary>What the snapshot's own files take.</summary>
    public Task<SnapshotUsage> GetUsageAsync(string key, CancellationToken cancellationToken = default) => Task.Run(() =>
    {
        var mount = TryGet(key) ?? throw NoSnapshot(key);
        using var upper = Tree.Open(mount.UpperPath);
        var usage = new UsageCount();
        usage.Add(upper, cancellationToken);
        return new SnapshotUsage(usage.SizeBytes, usage.Inodes);
    }, cancellationToken);

    /// <summary>Removes unpacked layers that are neither in the set, nor below one, nor below a snapshot.</summary>
    internal async Task CollectAsync(IReadOnlySet<Digest> used, CancellationToken cancellationToken)
    {
        await _write.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var live = new HashSet<Digest>();
            foreach (var root in used.Concat(ListKeys().Select(key => TryReadParent(key, out var parent) ? parent : null).OfType<Digest>()))
            {
                for (Digest? chain = root; chain is { } id && live.Add(id); chain = _layers.GetValueOrDefault(id)?.Parent)
                {
                }
            }
            foreach (var layer in _layers.Values.Where(layer => !live.Contains(layer.ChainId) && !_content.IsPinned(layer.ChainId)))
            {
                await ForgetAsync(layer, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _write.Release();
        }
    }

    private async Task ForgetAsync(Layer layer, CancellationToken cancellationToken)
    {
        await _store.CommitAsync([new StoreOperation(LayerPrefix + layer.ChainId, null)], cancellationToken).ConfigureAwait(false);
        _layers = _layers.Remove(layer.ChainId);
        foreach (var directory in new[] { "l", "i" })
        {
            var path = Path.Combine(_root, directory, layer.Directory);
            if (Directory.Exists(path))
            {
                var trash = TemporaryPath();
                Directory.Move(path, trash);
                RemoveTemporary(trash);
            }
        }
    }

    private SnapshotMount Prepare(string key, Digest? parent)
    {
        var active = Path.Combine(_root, "active", key);
        if (Directory.Exists(active))
        {
            throw new FaultException(FaultKind.AlreadyExists, $"snapshot {key} already exists");
        }
        var below = EnsureMountPoints(parent);
        var temporary = TemporaryPath();
        Directory.CreateDirectory(Path.Combine(temporary, "fs"));
        Directory.CreateDirectory(Path.Combine(temporary, "work"));
        File.WriteAllText(Path.Combine(temporary, "parent"), parent?.Value ?? "");
        CopyRootAttributes(below, Path.Combine(temporary, "fs"));
        try
        {
            Directory.Move(temporary, active);
        }
        catch (IOException) when (Directory.Exists(active))
        {
            RemoveTemporary(temporary);
            throw new FaultException(FaultKind.AlreadyExists, $"snapshot {key} already exists");
        }
        return MountOf(key, parent);
    }

    private SnapshotMount MountOf(string key, Digest? parent)
    {
        var lower = new List<string> { $"i/{InitName(parent)}" };
        lower.AddRange(LayerDirectories(parent).Select(directory => $"l/{directory}"));
        return new SnapshotMount(key, _root, lower, $"active/{key}/fs", $"active/{key}/work");
    }

    // The directories of a stack, the topmost first.
    private List<string> LayerDirectories(Digest? chain)
    {
        var directories = new List<string>();
        while (chain is { } id)
        {
            var layer = TryGetLayer(id) ?? throw new FaultException(FaultKind.NotFound, $"layer {id} is not unpacked");
            directories.Add(layer.Directory);
            chain = layer.Parent;
        }
        return directories;
    }

    private string InitName(Digest? parent) => parent is { } id
        ? (TryGetLayer(id) ?? throw new FaultException(FaultKind.NotFound, $"layer {id} is not unpacked")).Directory
        : "scratch";

    private bool TryReadParent(string key, out Digest? parent)
    {
        parent = null;
        try
        {
            var text = File.ReadAllText(Path.Combine(_root, "active", key, "parent"));
            parent = text.Length == 0 ? null : Digest.Parse(text);
            return true;
        }
        catch (IOException error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }

    private static FaultException NoSnapshot(string key) => new(FaultKind.NotFound, $"snapshot {key} does not exist");
}
