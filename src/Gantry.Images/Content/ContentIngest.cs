using System.Security.Cryptography;
using Gantry.Faults;
using Gantry.Oci;

namespace Gantry.Images.Content;

/// <summary>
/// A blob being written. Bytes may come in any number of writes, over any time; <see cref="CommitAsync"/> verifies and
/// publishes them. Disposing without commit forgets them. For one writer at a time.
/// </summary>
public sealed class ContentIngest : IAsyncDisposable, IDisposable
{
    private readonly ContentStore _store;
    private readonly string _path;
    private readonly FileStream _file;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private bool _done;

    internal ContentIngest(ContentStore store, string path)
    {
        _store = store;
        _path = path;
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.None);
    }

    /// <summary>The bytes written.</summary>
    public long Offset { get; private set; }

    /// <summary>Appends.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        _file.Write(bytes);
        Offset += bytes.Length;
    }

    /// <summary>Appends.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default)
    {
        _hash.AppendData(bytes.Span);
        await _file.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
        Offset += bytes.Length;
    }

    /// <summary>Appends all that a stream holds; <paramref name="progress"/> hears the offset after each part.</summary>
    public async Task CopyFromAsync(Stream source, Action<long>? progress = null, CancellationToken cancellationToken = default)
    {
        var buffer = new byte[128 * 1024];
        int read;
        while ((read = await source.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            await WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            progress?.Invoke(Offset);
        }
    }

    /// <summary>
    /// Verifies, makes durable and publishes the blob, pinned by <paramref name="lease"/>. <c>DataLoss</c> when digest or size
    /// are not those expected; then nothing is published.
    /// </summary>
    public async Task<(Digest Digest, long SizeBytes)> CommitAsync(
        ContentLease lease, Digest? expected = null, long? expectedSize = null, CancellationToken cancellationToken = default)
    {
        if (expectedSize is { } size && size != Offset)
        {
            throw new FaultException(FaultKind.DataLoss, $"blob {expected}: expected {size} bytes, got {Offset}");
        }
        var actual = expected?.Algorithm == "sha512"
            ? await RehashAsync(expected.Value, cancellationToken).ConfigureAwait(false)
            : Digest.FromHash(_hash.GetCurrentHash());
        if (expected is { } digest && digest != actual)
        {
            throw new FaultException(FaultKind.DataLoss, $"blob {digest}: the content has the digest {actual}");
        }
        if (!lease.TryPin(actual))
        {
            await Task.Run(() => _file.Flush(flushToDisk: true), cancellationToken).ConfigureAwait(false);
            _store.Adopt(_path, actual, lease);
            _done = true;
        }
        await DisposeAsync().ConfigureAwait(false);
        return (actual, Offset);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
        if (!_done)
        {
            _done = true;
            File.Delete(_path);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<Digest> RehashAsync(Digest like, CancellationToken cancellationToken)
    {
        using var hash = like.CreateHash();
        var buffer = new byte[128 * 1024];
        _file.Position = 0;
        int read;
        while ((read = await _file.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            hash.AppendData(buffer, 0, read);
        }
        return Digest.FromHash(hash.GetHashAndReset());
    }
}
