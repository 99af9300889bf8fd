namespace Gantry.Store.Sqlite;

/// <summary>
/// What waits for the writer loop. Bounded: who comes when it is full waits for a place. The loop waits on its own thread without
/// spinning, since on a small machine a spinning thread takes the time from those who would write.
/// </summary>
internal sealed class CommitQueue<T>(int capacity) : IDisposable
{
    private readonly object _gate = new();
    private readonly Queue<T> _items = new();
    private readonly SemaphoreSlim _places = new(capacity, capacity);
    private bool _woken;
    private bool _closed;

    public bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _items.Count == 0;
            }
        }
    }

    /// <summary>Adds an item once there is a place; false when the queue is closed.</summary>
    public async ValueTask<bool> AddAsync(T item, CancellationToken cancellationToken)
    {
        await _places.WaitAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            if (_closed)
            {
                _places.Release();
                return false;
            }

            _items.Enqueue(item);
            if (_items.Count == 1)
            {
                Monitor.Pulse(_gate);
            }
        }

        return true;
    }

    /// <summary>Makes the loop look around though nothing was added.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            _woken = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>
    /// Adds what is there, up to so many in all, and waits for the first so long. False when the queue is closed and nothing was taken.
    /// </summary>
    public bool Take(List<T> into, int most, TimeSpan patience, out bool timedOut)
    {
        timedOut = false;
        lock (_gate)
        {
            while (patience != TimeSpan.Zero && !_woken && !_closed && _items.Count == 0)
            {
                if (!Monitor.Wait(_gate, patience))
                {
                    timedOut = true;
                    break;
                }
            }

            _woken = false;
            var before = into.Count;
            while (into.Count < most && _items.TryDequeue(out var item))
            {
                into.Add(item);
            }

            if (into.Count > before)
            {
                _places.Release(into.Count - before);
            }

            return into.Count > 0 || !_closed;
        }
    }

    /// <summary>No further items; what is there can still be taken.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }
    }

    public void Dispose() => _places.Dispose();
}
