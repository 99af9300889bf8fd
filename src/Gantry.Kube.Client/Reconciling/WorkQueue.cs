namespace Gantry.Kube.Client.Reconciling;

/// <summary>
/// Keys that need work. A key is handed out to one worker at a time; added while it is worked on, it comes again
/// afterwards; added twice while waiting, it comes once. The scheme of client-go's work queue: a dirty and a processing set.
/// </summary>
public sealed class WorkQueue(TimeProvider time) : IDisposable
{
    // client-go's default item backoff: 5 ms doubling to 1,000 s. A minute is the longest here: on one machine a fixed
    // cause is noticed sooner and a retry costs little.
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Queue<string> _ready = new();
    private readonly HashSet<string> _dirty = new(StringComparer.Ordinal);
    private readonly HashSet<string> _processing = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _failures = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (DateTimeOffset Due, ITimer Timer)> _delayed = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _available = new(0);
    private bool _disposed;

    /// <summary>Adds a key, now.</summary>
    public void Add(string key)
    {
        lock (_gate)
        {
            if (_disposed || !_dirty.Add(key) || _processing.Contains(key))
            {
                return;
            }

            _ready.Enqueue(key);
        }

        _available.Release();
    }

    /// <summary>Adds a key after a delay; an earlier due time that is already set stays.</summary>
    public void AddAfter(string key, TimeSpan delay)
    {
        if (delay <= TimeSpan.Zero)
        {
            Add(key);
            return;
        }

        lock (_gate)
        {
            var due = time.GetUtcNow() + delay;
            if (_disposed || (_delayed.TryGetValue(key, out var waiting) && waiting.Due <= due))
            {
                return;
            }

            waiting.Timer?.Dispose();
            _delayed[key] = (due, time.CreateTimer(_ => OnDue(key), null, delay, Timeout.InfiniteTimeSpan));
        }
    }

    /// <summary>Adds a key after its back-off, which doubles with each call until <see cref="Forget"/>.</summary>
    public void AddRateLimited(string key)
    {
        TimeSpan delay;
        lock (_gate)
        {
            var failures = _failures.GetValueOrDefault(key);
            _failures[key] = failures + 1;
            delay = s_firstDelay * Math.Pow(2, Math.Min(failures, 20));
        }

        AddAfter(key, delay < s_longestDelay ? delay : s_longestDelay);
    }

    /// <summary>Resets a key's back-off.</summary>
    public void Forget(string key)
    {
        lock (_gate)
        {
            _failures.Remove(key);
        }
    }

    /// <summary>Waits for a key; the caller owns it until <see cref="Done"/>.</summary>
    public async ValueTask<string> TakeAsync(CancellationToken cancellationToken)
    {
        await _available.WaitAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            var key = _ready.Dequeue();
            _processing.Add(key);
            _dirty.Remove(key);
            return key;
        }
    }

    /// <summary>Gives a key back; it comes again if it was added meanwhile.</summary>
    public void Done(string key)
    {
        lock (_gate)
        {
            _processing.Remove(key);
            if (_disposed || !_dirty.Contains(key))
            {
                return;
            }

            _ready.Enqueue(key);
        }

        _available.Release();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var (_, timer) in _delayed.Values)
            {
                timer.Dispose();
            }

            _delayed.Clear();
        }
    }

    private void OnDue(string key)
    {
        lock (_gate)
        {
            if (_delayed.Remove(key, out var waiting))
            {
                waiting.Timer.Dispose();
            }
        }

        Add(key);
    }
}
