using Gantry.Faults;
using Gantry.Images.Catalog;
using Gantry.Oci;

namespace Gantry.Images;

public sealed partial class ImageService
{
    // How long the registry keeps a blob that was uploaded and that no manifest names yet.
    private static readonly TimeSpan s_uploadGrace = TimeSpan.FromHours(24);

    /// <summary>
    /// Removes a name, and the image with it when that was the last one; by id, all names of one repository and the image.
    /// Untagged parents go too unless <paramref name="keepParents"/>. <c>Conflict</c>, in docker's words, when containers or child
    /// images need it; <paramref name="force"/> overrides stopped containers and several names.
    /// </summary>
    public async Task<IReadOnlyList<ImageRemoval>> RemoveAsync(
        string nameOrId, bool force = false, bool keepParents = false, CancellationToken cancellationToken = default)
    {
        var removals = new List<ImageRemoval>();
        await _catalog.ChangeAsync(
            state =>
            {
                removals.Clear();
                var id = FindId(state, nameOrId) ?? throw new FaultException(FaultKind.NotFound, $"No such image: {Displayed(nameOrId)}");
                return RemoveFrom(state, nameOrId, id, force, keepParents, removals);
            },
            cancellationToken).ConfigureAwait(false);
        if (removals.Any(removal => removal.Deleted is not null))
        {
            await CollectGarbageAsync(cancellationToken).ConfigureAwait(false);
        }
        return removals;
    }

    /// <summary>
    /// Removes images that nothing uses: those without a name, or all with <paramref name="all"/>; labels and until as in the
    /// filter.
    /// </summary>
    public async Task<ImagePrune> PruneAsync(bool all, ImageFilter filter, CancellationToken cancellationToken = default)
    {
        var candidates = await ListAsync(filter with { Dangling = all ? null : true, All = false }, cancellationToken).ConfigureAwait(false);
        var removals = new List<ImageRemoval>();
        await _catalog.ChangeAsync(
            state =>
            {
                removals.Clear();
                foreach (var image in candidates)
                {
                    if (!state.Images.ContainsKey(image.Id) || UsedBy(image.Id).Count > 0 || state.ChildrenOf(image.Id).Any())
                    {
                        continue;
                    }
                    state = Delete(Untag(state, image.Id, state.NamesOf(image.Id), removals), image.Id, keepParents: false, removals);
                }
                return state;
            },
            cancellationToken).ConfigureAwait(false);
        return new ImagePrune(removals, await CollectGarbageAsync(cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Removes blobs and unpacked layers that no image, no repository, no lease and no snapshot needs; returns blob bytes freed.</summary>
    public async Task<long> CollectGarbageAsync(CancellationToken cancellationToken = default) => await Content.CollectAsync(
        MarkAsync,
        async token =>
        {
            var state = _catalog.State;
            var chains = new HashSet<Digest>();
            foreach (var id in state.Images.Keys)
            {
                if (await LoadAsync(state, id, token).ConfigureAwait(false) is { ChainId: { } chain })
                {
                    chains.Add(chain);
                }
            }
            await Snapshots.CollectAsync(chains, token).ConfigureAwait(false);
        },
        cancellationToken).ConfigureAwait(false);

    private async Task<IReadOnlySet<Digest>> MarkAsync(CancellationToken cancellationToken)
    {
        var marked = new HashSet<Digest>();
        foreach (var (id, record) in _catalog.State.Images)
        {
            marked.Add(id);
            marked.UnionWith(record.Indexes ?? []);
            await MarkManifestAsync(record.Manifest, marked, cancellationToken).ConfigureAwait(false);
        }
        var newest = _options.Time.GetUtcNow() - s_uploadGrace;
        foreach (var repository in Repositories.All.Values)
        {
            marked.UnionWith(repository.Blobs.Where(blob => blob.Value > newest).Select(blob => blob.Key));
            foreach (var manifest in repository.Manifests.Values)
            {
                await MarkManifestAsync(manifest.Descriptor, marked, cancellationToken).ConfigureAwait(false);
            }
        }
        return marked;
    }

    private async Task MarkManifestAsync(Descriptor manifest, HashSet<Digest> marked, CancellationToken cancellationToken)
    {
        if (!marked.Add(manifest.Digest) || MediaTypes.IsIndex(manifest.MediaType) || !Content.Contains(manifest.Digest))
        {
            // An index's manifests are in the repository by themselves; those of other platforms were never fetched.
            return;
        }
        var parsed = await ReadManifestAsync(manifest.Digest, cancellationToken).ConfigureAwait(false);
        marked.Add(parsed.Config.Digest);
        marked.UnionWith(parsed.Layers.Select(layer => layer.Digest));
    }

    private CatalogState RemoveFrom(CatalogState state, string nameOrId, Digest id, bool force, bool keepParents, List<ImageRemoval> removals)
    {
        var names = state.NamesOf(id).ToArray();
        var byName = NameUsed(state, nameOrId, id);
        if (byName is not null)
        {
            if (names.Length > 1)
            {
                return Untag(state, id, [byName], removals);
            }
            if (!force && UsedBy(id) is [var use, ..])
            {
                throw new FaultException(FaultKind.Conflict,
                    $"conflict: unable to remove repository reference \"{Displayed(nameOrId)}\" (must force) - container {ShortId(use)} is using its referenced image {id.Short}");
            }
            if (UsedBy(id).Any(user => user.IsRunning) || state.ChildrenOf(id).Any())
            {
                // Forced on a running container's image, or a base of others: the name goes, the image stays.
                return Untag(state, id, names, removals);
            }
        }
        else
        {
            CheckRemovable(state, id, names, force);
        }
        return Delete(Untag(state, id, names, removals), id, keepParents, removals);
    }

    // The stored name that the caller used, or null when it was an id.
    private static string? NameUsed(CatalogState state, string nameOrId, Digest id) =>
        ImageReference.TryParse(nameOrId, out var reference, out _) && reference.Digest is null
            && state.References.TryGetValue(reference.WithDefaultTag().ToString(), out var record) && record.Image == id
            ? reference.WithDefaultTag().ToString()
            : null;

    private void CheckRemovable(CatalogState state, Digest id, string[] names, bool force)
    {
        if (UsedBy(id).FirstOrDefault(use => use.IsRunning) is { } running)
        {
            throw Conflict(id, "cannot be forced", $"image is being used by running container {ShortId(running)}");
        }
        if (state.ChildrenOf(id).Any())
        {
            throw Conflict(id, "cannot be forced", "image has dependent child images");
        }
        if (!force && names.Select(name => name[..name.LastIndexOf(':')]).Distinct().Skip(1).Any())
        {
            throw Conflict(id, "must be forced", "image is referenced in multiple repositories");
        }
        if (!force && UsedBy(id) is [var stopped, ..])
        {
            throw Conflict(id, "must be forced", $"image is being used by stopped container {ShortId(stopped)}");
        }
    }

    private static CatalogState Untag(CatalogState state, Digest id, IEnumerable<string> names, List<ImageRemoval> removals)
    {
        foreach (var name in names.ToArray())
        {
            state = state with { References = state.References.Remove(name) };
            removals.Add(new ImageRemoval(Familiar(name), null));
        }
        // A digest of a repository goes with the repository's last tag.
        var left = state.NamesOf(id).Select(name => name[..name.LastIndexOf(':')]).ToHashSet(StringComparer.Ordinal);
        var record = state.Images[id];
        var gone = (record.RepoDigests ?? []).Where(digest => !left.Contains(digest[..digest.IndexOf('@', StringComparison.Ordinal)])).ToArray();
        if (gone.Length == 0)
        {
            return state;
        }
        removals.AddRange(gone.Select(digest => new ImageRemoval(Familiar(digest), null)));
        return state with { Images = state.Images.SetItem(id, record with { RepoDigests = [.. record.RepoDigests!.Except(gone)] }) };
    }

    private CatalogState Delete(CatalogState state, Digest id, bool keepParents, List<ImageRemoval> removals)
    {
        Digest? next = id;
        while (next is { } image && state.Images.TryGetValue(image, out var record))
        {
            state = state with { Images = state.Images.Remove(image) };
            _configs.TryRemove(image, out _);
            removals.Add(new ImageRemoval(null, image));
            next = record.Parent is { } parent && !keepParents && !state.NamesOf(parent).Any() && !state.ChildrenOf(parent).Any()
                && UsedBy(parent).Count == 0
                ? parent
                : null;
        }
        return state;
    }

    private static FaultException Conflict(Digest id, string remedy, string reason) =>
        new(FaultKind.Conflict, $"conflict: unable to delete {id.Short} ({remedy}) - {reason}");

    private static string ShortId(ImageUse use) => use.ContainerId.Length > 12 ? use.ContainerId[..12] : use.ContainerId;
}
