using Gantry.Faults;
using Gantry.Linux.Trees;
using Gantry.Oci;

namespace Gantry.Images.Content;

/// <summary>
/// The blobs of a machine, each once, by digest: <c>blobs/&lt;algorithm&gt;/&lt;hex&gt;</c>. A blob appears by rename after its bytes
/// were verified and are on the disk, so one that exists is whole; it is never changed. Engine and registry share this store.
/// <para>A blob lives while something refers to it or a <see cref="ContentLease"/> pins it: whoever adds blobs in order to
/// refer to them holds a lease until the reference is stored.</para>
/// <para>Safe for concurrent use by one process; a second process must not open the same directory.</para>
/// </summary>
public sealed class ContentStore
{
    private readonly string _blobs;
    private readonly string _ingest;
    private readonly Lock _pinLock = new();
    private readonly Dictionary<Digest, int> _pins = [];
    private readonly HashSet<Digest> _releasedWhileCollecting = [];
    private readonly SemaphoreSlim _collecting = new(1, 1);
    private readonly Dictionary<Digest, Turn> _turns = [];
    private bool _isCollecting;

    private ContentStore(string root)
    {
        _blobs = Path.Combine(root, "blobs");
        _ingest = Path.Combine(root, "ingest");
    }

    /// <summary>Opens the store below a directory, which is made; half-written blobs of an earlier run are removed.</summary>
    public static ContentStore Open(string root)
    {
        var store = new ContentStore(root);
        if (Directory.Exists(store._ingest))
        {
            Directory.Delete(store._ingest, recursive: true);
        }
        Directory.CreateDirectory(store._ingest);
        Directory.CreateDirectory(Path.Combine(store._blobs, "sha256"));
        Directory.CreateDirectory(Path.Combine(store._blobs, "sha512"));
        return store;
    }

    /// <summary>Pins blobs until it is disposed.</summary>
    public ContentLease CreateLease() => new(this);

    /// <summary>Whether the blob is there. Only a pinned or referenced one stays: to rely on it use <see cref="ContentLease.TryPin"/>.</summary>
    public bool Contains(Digest digest) => !digest.IsEmpty && File.Exists(PathOf(digest));

    /// <summary>The blob's length, or null when it is not there.</summary>
    public long? TryGetSize(Digest digest)
    {
        if (digest.IsEmpty)
        {
            return null;
        }
        var file = new FileInfo(PathOf(digest));
        return file.Exists ? file.Length : null;
    }

    /// <summary>Opens a blob; <c>NotFound</c> when it is not there. A blob that is open can still be read after its removal.</summary>
    public FileStream OpenRead(Digest digest)
    {
        try
        {
            return new FileStream(PathOf(digest), new FileStreamOptions
            {
                Mode = FileMode.Open,
                Access = FileAccess.Read,
                Share = FileShare.Read | FileShare.Delete,
                BufferSize = 0,
                Options = FileOptions.Asynchronous | FileOptions.SequentialScan,
            });
        }
        catch (FileNotFoundException error)
        {
            throw new FaultException(FaultKind.NotFound, $"blob {digest} is not in the content store", error);
        }
    }

    /// <summary>A small blob's bytes; <c>DataLoss</c> when they do not have the digest (a damaged disk).</summary>
    public async ValueTask<byte[]> ReadAsync(Digest digest, CancellationToken cancellationToken = default)
    {
        await using var stream = OpenRead(digest);
        var bytes = new byte[stream.Length];
        await stream.ReadExactlyAsync(bytes, cancellationToken).ConfigureAwait(false);
        return digest.Verify(bytes) ? bytes : throw new FaultException(FaultKind.DataLoss, $"blob {digest} is damaged");
    }

    /// <summary>Begins to write a blob. Dispose it to give up.</summary>
    public ContentIngest BeginIngest() => new(this, Path.Combine(_ingest, Guid.NewGuid().ToString("n")));

    /// <summary>Stores some bytes and pins them.</summary>
    public async ValueTask<Digest> PutAsync(ReadOnlyMemory<byte> content, ContentLease lease, CancellationToken cancellationToken = default)
    {
        var digest = Digest.OfBytes(content.Span);
        if (lease.TryPin(digest))
        {
            return digest;
        }
        await using var ingest = BeginIngest();
        await ingest.WriteAsync(content, cancellationToken).ConfigureAwait(false);
        return (await ingest.CommitAsync(lease, digest, content.Length, cancellationToken).ConfigureAwait(false)).Digest;
    }

    /// <summary>
    /// Removes every blob that is neither in the marked set nor pinned, and returns the bytes freed. <paramref name="mark"/>
    /// is called once; what is referred to and unpinned while it runs is kept. <paramref name="also"/> runs at the end, under
    /// the same protection.
    /// </summary>
    internal async Task<long> CollectAsync(
        Func<CancellationToken, Task<IReadOnlySet<Digest>>> mark, Func<CancellationToken, Task> also, CancellationToken cancellationToken = default)
    {
        await _collecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            lock (_pinLock)
            {
                _isCollecting = true;
            }
            var marked = await mark(cancellationToken).ConfigureAwait(false);
            var freed = Sweep(marked);
            await also(cancellationToken).ConfigureAwait(false);
            return freed;
        }
        finally
        {
            lock (_pinLock)
            {
                _isCollecting = false;
                _releasedWhileCollecting.Clear();
            }
            _collecting.Release();
        }
    }

    /// <summary>The blobs that are there, in no order.</summary>
    public IEnumerable<Digest> List()
    {
        foreach (var algorithm in new[] { "sha256", "sha512" })
        {
            foreach (var file in Directory.EnumerateFiles(Path.Combine(_blobs, algorithm)))
            {
                if (Digest.TryParse($"{algorithm}:{Path.GetFileName(file)}", out var digest))
                {
                    yield return digest;
                }
            }
        }
    }

    /// <summary>Waits for this process's other writers of a blob, so that two pulls fetch it once. Dispose the result to let go.</summary>
    internal async Task<IDisposable> EnterAsync(Digest digest, CancellationToken cancellationToken)
    {
        Turn turn;
        lock (_turns)
        {
            if (!_turns.TryGetValue(digest, out turn!))
            {
                turn = new Turn(this, digest);
                _turns[digest] = turn;
            }
            turn.Users++;
        }
        try
        {
            await turn.Semaphore.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Leave(turn);
            throw;
        }
        return turn;
    }

    internal string PathOf(Digest digest) => Path.Combine(_blobs, digest.Algorithm, digest.Hex);

    // Moves a verified file to its place. The lease pins it first, so that no collection comes between.
    internal void Adopt(string file, Digest digest, ContentLease lease)
    {
        var target = PathOf(digest);
        lock (_pinLock)
        {
            lease.PinLocked(digest);
            if (File.Exists(target))
            {
                File.Delete(file);
                return;
            }
            File.Move(file, target);
        }
        DurableFile.SyncDirectory(Path.GetDirectoryName(target)!);
    }

    internal bool TryPin(Digest digest, ContentLease lease)
    {
        lock (_pinLock)
        {
            if (!Contains(digest))
            {
                return false;
            }
            lease.PinLocked(digest);
            return true;
        }
    }

    // Pins an identity that is no blob: the ChainID of a layer that is being unpacked for an image not yet stored.
    internal void PinChain(Digest chainId, ContentLease lease)
    {
        lock (_pinLock)
        {
            lease.PinLocked(chainId);
        }
    }

    internal bool IsPinned(Digest digest)
    {
        lock (_pinLock)
        {
            return _pins.ContainsKey(digest) || _releasedWhileCollecting.Contains(digest);
        }
    }

    internal void PinLocked(Digest digest) => _pins[digest] = _pins.GetValueOrDefault(digest) + 1;

    internal void Release(IEnumerable<Digest> digests)
    {
        lock (_pinLock)
        {
            foreach (var digest in digests)
            {
                if (_isCollecting)
                {
                    _releasedWhileCollecting.Add(digest);
                }
                var count = _pins.GetValueOrDefault(digest) - 1;
                if (count > 0)
                {
                    _pins[digest] = count;
                }
                else
                {
                    _pins.Remove(digest);
                }
            }
        }
    }

    private void Leave(Turn turn)
    {
        lock (_turns)
        {
            if (--turn.Users == 0)
            {
                _turns.Remove(turn.Digest);
            }
        }
    }

    private long Sweep(IReadOnlySet<Digest> marked)
    {
        var freed = 0L;
        foreach (var digest in List())
        {
            if (marked.Contains(digest))
            {
                continue;
            }
            lock (_pinLock)
            {
                if (_pins.ContainsKey(digest) || _releasedWhileCollecting.Contains(digest))
                {
                    continue;
                }
                var file = new FileInfo(PathOf(digest));
                freed += file.Exists ? file.Length : 0;
                file.Delete();
            }
        }
        return freed;
    }

    private sealed class Turn(ContentStore store, Digest digest) : IDisposable
    {
        public Digest Digest => digest;

        public SemaphoreSlim Semaphore { get; } = new(1, 1);

        public int Users { get; set; }

        public void Dispose()
        {
            Semaphore.Release();
            store.Leave(this);
        }
    }
}
