using System.Collections.Immutable;
using Gantry.Faults;
using Gantry.Oci;
using Gantry.Store;

namespace Gantry.Images.Repositories;

/// <summary>
/// What Gantry's own registry holds: which manifests, tags and blobs belong to which repository. The bytes are in the
/// content store. Reads see an immutable state; writes are durable when they return.
/// </summary>
public sealed class RepositoryStore
{
    private const string ManifestPrefix = "/images/repositories/manifests/";
    private const string TagPrefix = "/images/repositories/tags/";
    private const string BlobPrefix = "/images/repositories/blobs/";

    private readonly IStore _store;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile ImmutableSortedDictionary<string, Repository> _repositories =
        ImmutableSortedDictionary.Create<string, Repository>(StringComparer.Ordinal);

    private RepositoryStore(IStore store, TimeProvider time)
    {
        _store = store;
        _time = time;
    }

    /// <summary>All repositories by name, in ordinal order.</summary>
    public ImmutableSortedDictionary<string, Repository> All => _repositories;

    internal static async Task<RepositoryStore> OpenAsync(IStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var repositories = new RepositoryStore(store, time);
        var all = repositories._repositories.ToBuilder();
        await foreach (var (name, digest, value) in ReadAsync(store, ManifestPrefix, '@', cancellationToken).ConfigureAwait(false))
        {
            var repository = all.GetValueOrDefault(name, Repository.Empty)!;
            all[name] = repository with { Manifests = repository.Manifests.SetItem(Digest.Parse(digest), ImagesJson.Deserialize<RepositoryManifest>(value)) };
        }
        await foreach (var (name, tag, value) in ReadAsync(store, TagPrefix, ':', cancellationToken).ConfigureAwait(false))
        {
            var repository = all.GetValueOrDefault(name, Repository.Empty)!;
            all[name] = repository with { Tags = repository.Tags.SetItem(tag, ImagesJson.Deserialize<RepositoryTag>(value).Digest) };
        }
        await foreach (var (name, digest, value) in ReadAsync(store, BlobPrefix, '@', cancellationToken).ConfigureAwait(false))
        {
            var repository = all.GetValueOrDefault(name, Repository.Empty)!;
            all[name] = repository with { Blobs = repository.Blobs.SetItem(Digest.Parse(digest), ImagesJson.Deserialize<RepositoryBlob>(value).Linked) };
        }
        repositories._repositories = all.ToImmutable();
        return repositories;
    }

    /// <summary>A repository, or null when nothing was ever put there.</summary>
    public Repository? TryGet(string name) => _repositories.GetValueOrDefault(name);

    /// <summary>Lets a repository serve blobs that are in the content store; the caller's lease pins them.</summary>
    public Task LinkBlobsAsync(string name, IReadOnlyList<Digest> blobs, CancellationToken cancellationToken = default) =>
        ChangeAsync(name, (repository, operations) =>
        {
            foreach (var blob in blobs)
            {
                var record = new RepositoryBlob { Linked = _time.GetUtcNow() };
                operations.Add(new StoreOperation($"{BlobPrefix}{name}@{blob}", ImagesJson.Serialize(record)));
                repository = repository with { Blobs = repository.Blobs.SetItem(blob, record.Linked) };
            }
            return repository;
        }, cancellationToken);

    /// <summary>Puts a manifest, whose blob is in the content store, and its tags. A tag moves from the manifest that had it.</summary>
    public Task PutManifestAsync(
        string name, RepositoryManifest manifest, IReadOnlyList<string> tags, CancellationToken cancellationToken = default) =>
        ChangeAsync(name, (repository, operations) =>
        {
            var digest = manifest.Descriptor.Digest;
            operations.Add(new StoreOperation($"{ManifestPrefix}{name}@{digest}", ImagesJson.Serialize(manifest)));
            repository = repository with { Manifests = repository.Manifests.SetItem(digest, manifest) };
            foreach (var tag in tags)
            {
                operations.Add(new StoreOperation($"{TagPrefix}{name}:{tag}", ImagesJson.Serialize(new RepositoryTag { Digest = digest })));
                repository = repository with { Tags = repository.Tags.SetItem(tag, digest) };
            }
            return repository;
        }, cancellationToken);

    /// <summary>Removes a manifest and the tags that name it; false when it is not there.</summary>
    public async Task<bool> RemoveManifestAsync(string name, Digest digest, CancellationToken cancellationToken = default)
    {
        var found = false;
        await ChangeAsync(name, (repository, operations) =>
        {
            found = repository.Manifests.ContainsKey(digest);
            operations.Add(new StoreOperation($"{ManifestPrefix}{name}@{digest}", null));
            var tags = repository.Tags.Where(tag => tag.Value == digest).Select(tag => tag.Key).ToArray();
            operations.AddRange(tags.Select(tag => new StoreOperation($"{TagPrefix}{name}:{tag}", null)));
            return repository with { Manifests = repository.Manifests.Remove(digest), Tags = repository.Tags.RemoveRange(tags) };
        }, cancellationToken).ConfigureAwait(false);
        return found;
    }

    /// <summary>Removes a tag; its manifest stays. False when it is not there.</summary>
    public async Task<bool> RemoveTagAsync(string name, string tag, CancellationToken cancellationToken = default)
    {
        var found = false;
        await ChangeAsync(name, (repository, operations) =>
        {
            found = repository.Tags.ContainsKey(tag);
            operations.Add(new StoreOperation($"{TagPrefix}{name}:{tag}", null));
            return repository with { Tags = repository.Tags.Remove(tag) };
        }, cancellationToken).ConfigureAwait(false);
        return found;
    }

    /// <summary>Stops a repository from serving a blob; false when it did not.</summary>
    public async Task<bool> UnlinkBlobAsync(string name, Digest blob, CancellationToken cancellationToken = default)
    {
        var found = false;
        await ChangeAsync(name, (repository, operations) =>
        {
            found = repository.Blobs.ContainsKey(blob);
            operations.Add(new StoreOperation($"{BlobPrefix}{name}@{blob}", null));
            return repository with { Blobs = repository.Blobs.Remove(blob) };
        }, cancellationToken).ConfigureAwait(false);
        return found;
    }

    private static async IAsyncEnumerable<(string Name, string Key, ReadOnlyMemory<byte> Value)> ReadAsync(
        IStore store, string prefix, char separator, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var entry in (await store.RangeAsync(new StoreRange(prefix), cancellationToken).ConfigureAwait(false)).Entries)
        {
            // A repository's name has neither "@" nor ":".
            var rest = entry.Key[prefix.Length..];
            var at = rest.IndexOf(separator, StringComparison.Ordinal);
            yield return (rest[..at], rest[(at + 1)..], entry.Value);
        }
    }

    private async Task ChangeAsync(string name, Func<Repository, List<StoreOperation>, Repository> change, CancellationToken cancellationToken)
    {
        if (!ReferenceGrammar.IsPath(name))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid repository name \"{name}\"");
        }
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var operations = new List<StoreOperation>();
            var changed = change(_repositories.GetValueOrDefault(name, Repository.Empty)!, operations);
            await _store.CommitAsync(operations, CancellationToken.None).ConfigureAwait(false);
            _repositories = changed.IsEmpty ? _repositories.Remove(name) : _repositories.SetItem(name, changed);
        }
        finally
        {
            _turn.Release();
        }
    }
}
