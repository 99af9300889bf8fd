using Gantry.Oci;

namespace Gantry.Images.Content;

/// <summary>
/// Keeps blobs from being collected until it is disposed, by which time a stored reference must name them. Lives in memory
/// only: after a crash nothing is pinned, and blobs that nothing refers to are collected. Safe for concurrent use.
/// </summary>
public sealed class ContentLease : IDisposable
{
    private readonly ContentStore _store;
    private readonly List<Digest> _pinned = [];
    private bool _disposed;

    internal ContentLease(ContentStore store) => _store = store;

    /// <summary>Pins a blob if it is there.</summary>
    public bool TryPin(Digest digest) => _store.TryPin(digest, this);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _store.Release(_pinned);
        }
    }

    // Called under the store's pin lock.
    internal void PinLocked(Digest digest)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _pinned.Add(digest);
        _store.PinLocked(digest);
    }
}
