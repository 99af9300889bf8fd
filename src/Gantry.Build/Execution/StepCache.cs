using System.Security.Cryptography;
using System.Text;
using Gantry.Images;
using Gantry.Oci;
using Gantry.Store;

namespace Gantry.Build.Execution;

/// <summary>Which image a step on an image made, durable. An entry whose image was removed counts as absent.</summary>
internal sealed class StepCache(IStore store, ImageService images)
{
    private const string Prefix = "/build/cache/";

    /// <summary>A key from the image below, the step, and whatever else decides its outcome.</summary>
    public static string Key(Digest? parent, string step, string inputs) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{parent?.Value ?? "scratch"}\n{step}\n{inputs}")));

    public async Task<Image?> FindAsync(string key, CancellationToken cancellationToken)
    {
        var entry = await store.GetAsync(Prefix + key, cancellationToken).ConfigureAwait(false);
        return entry is null ? null : await images.FindAsync(Encoding.ASCII.GetString(entry.Value.Span), cancellationToken).ConfigureAwait(false);
    }

    public async Task AddAsync(string key, Digest image, CancellationToken cancellationToken) =>
        await store.CommitAsync([new StoreOperation(Prefix + key, Encoding.ASCII.GetBytes(image.Value))], cancellationToken).ConfigureAwait(false);

    public async Task ClearAsync(CancellationToken cancellationToken)
    {
        var page = await store.RangeAsync(new StoreRange(Prefix), cancellationToken).ConfigureAwait(false);
        foreach (var batch in page.Entries.Chunk(500))
        {
            await store.CommitAsync([.. batch.Select(entry => new StoreOperation(entry.Key, null))], cancellationToken).ConfigureAwait(false);
        }
    }
}
