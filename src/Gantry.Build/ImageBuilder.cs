using Gantry.Build.Execution;
using Gantry.Images;
using Gantry.Linux.Trees;
using Gantry.Store;

namespace Gantry.Build;

/// <summary>
/// Builds images from Dockerfiles. Each step makes an image that later builds find again by what went into it; what two
/// builds share is made once. Safe for concurrent builds.
/// </summary>
public sealed class ImageBuilder
{
    private const string SnapshotPrefix = "build-";

    private readonly ImageService _images;
    private readonly IBuildExecutor _executor;
    private readonly string _root;
    private readonly TimeProvider _time;
    private readonly StepCache _cache;

    /// <summary>
    /// Makes a builder that keeps contexts and RUN caches below a directory of its own, and the step cache in the store.
    /// </summary>
    public ImageBuilder(ImageService images, IStore store, IBuildExecutor executor, string root, TimeProvider? time = null)
    {
        _images = images;
        _executor = executor;
        _root = root;
        _time = time ?? TimeProvider.System;
        _cache = new StepCache(store, images);
    }

    /// <summary>Removes what builds left that a crash ended. To be called once, before the first build.</summary>
    public async Task RecoverAsync(CancellationToken cancellationToken = default)
    {
        // The commands first: they stand on the snapshots.
        await _executor.RecoverAsync(cancellationToken).ConfigureAwait(false);
        foreach (var key in _images.Snapshots.ListKeys().Where(key => key.StartsWith(SnapshotPrefix, StringComparison.Ordinal)))
        {
            await _images.Snapshots.RemoveAsync(key, cancellationToken).ConfigureAwait(false);
        }
        Directory.CreateDirectory(_root);
        using var tree = Tree.Open(_root);
        tree.Remove("work");
    }

    /// <summary>
    /// Builds and returns the image. Faults: <c>InvalidArgument</c> with the line for a Dockerfile that is wrong,
    /// <see cref="RunFailedException"/> for a command that fails, and those of pulling base images. Steps that succeeded stay in the
    /// cache; names are given only at the end.
    /// </summary>
    public async Task<Image> BuildAsync(BuildRequest request, CancellationToken cancellationToken = default)
    {
        var id = Guid.NewGuid().ToString("n");
        await using var session = new BuildSession(_images, _executor, _cache, request, new BuildPaths(_root, id, SnapshotPrefix + id), _time);
        return await session.RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Forgets cached steps and removes the images that only the cache needed; returns the bytes freed.</summary>
    public async Task<long> PruneCacheAsync(CancellationToken cancellationToken = default)
    {
        await _cache.ClearAsync(cancellationToken).ConfigureAwait(false);
        Directory.CreateDirectory(_root);
        using var tree = Tree.Open(_root);
        tree.Remove("run-cache");
        return (await _images.PruneAsync(all: false, new ImageFilter(), cancellationToken).ConfigureAwait(false)).FreedBytes;
    }
}
