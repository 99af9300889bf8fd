using Gantry.Oci;
using Gantry.Store;

namespace Gantry.Images.Catalog;

/// <summary>
/// The images and names of this machine: an immutable state in memory that readers take as it is, and its durable copy.
/// Changes are made one at a time, stored first and shown then.
/// </summary>
internal sealed class ImageCatalog
{
    private const string ImagePrefix = "/images/images/";
    private const string ReferencePrefix = "/images/refs/";

    private readonly IStore _store;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile CatalogState _state = CatalogState.Empty;

    private ImageCatalog(IStore store) => _store = store;

    public CatalogState State => _state;

    public static async Task<ImageCatalog> OpenAsync(IStore store, CancellationToken cancellationToken)
    {
        var catalog = new ImageCatalog(store);
        var images = CatalogState.Empty.Images.ToBuilder();
        foreach (var entry in (await store.RangeAsync(new StoreRange(ImagePrefix), cancellationToken).ConfigureAwait(false)).Entries)
        {
            images[Digest.Parse(entry.Key[ImagePrefix.Length..])] = ImagesJson.Deserialize<ImageRecord>(entry.Value);
        }
        var references = CatalogState.Empty.References.ToBuilder();
        foreach (var entry in (await store.RangeAsync(new StoreRange(ReferencePrefix), cancellationToken).ConfigureAwait(false)).Entries)
        {
            references[entry.Key[ReferencePrefix.Length..]] = ImagesJson.Deserialize<ReferenceRecord>(entry.Value);
        }
        catalog._state = new CatalogState(images.ToImmutable(), references.ToImmutable());
        return catalog;
    }

    /// <summary>Changes the catalog. The function sees the present state and may throw; then nothing changes.</summary>
    public async Task<CatalogState> ChangeAsync(Func<CatalogState, CatalogState> change, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var before = _state;
            var after = change(before);
            var operations = new List<StoreOperation>();
            Compare(before.Images, after.Images, key => ImagePrefix + key, operations);
            Compare(before.References, after.References, key => ReferencePrefix + key, operations);
            if (operations.Count > 0)
            {
                await _store.CommitAsync(operations, CancellationToken.None).ConfigureAwait(false);
                _state = after;
            }
            return after;
        }
        finally
        {
            _turn.Release();
        }
    }

    private static void Compare<TKey, TRecord>(
        IReadOnlyDictionary<TKey, TRecord> before, IReadOnlyDictionary<TKey, TRecord> after, Func<TKey, string> keyOf, List<StoreOperation> operations)
        where TRecord : class
    {
        if (ReferenceEquals(before, after))
        {
            return;
        }
        foreach (var (key, record) in after)
        {
            if (!before.TryGetValue(key, out var old) || !ReferenceEquals(old, record))
            {
                operations.Add(new StoreOperation(keyOf(key), ImagesJson.Serialize(record)));
            }
        }
        foreach (var key in before.Keys.Where(key => !after.ContainsKey(key)))
        {
            operations.Add(new StoreOperation(keyOf(key), null));
        }
    }
}
