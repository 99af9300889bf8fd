using Gantry.Faults;

namespace Gantry.Store.Watch;

/// <summary>
/// Delivers events to watchers in revision order, and keeps the history window from which a watch can resume. All members
/// may be called from any thread; <see cref="Publish"/> is called by the writer loop only.
/// </summary>
internal sealed class WatchHub
{
    /// <summary>How far a watcher may lag. etcd's own buffer is 1,024 a watcher; controllers here list rarely, so more.</summary>
    public const int MaxPendingEvents = 8192;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<StoreWatch>> _watchesByPrefix = new(StringComparer.Ordinal);
    private readonly LinkedList<HistoryItem> _history = new();
    private long _dispatchedRevision;
    private long _compactedRevision;
    private KeyTree? _compactedRoot;
    private bool _closed;

    /// <summary>The revision up to which every watcher has been given its events.</summary>
    public long DispatchedRevision => Volatile.Read(ref _dispatchedRevision);

    /// <summary>Sets the point from which history is kept; called once before use.</summary>
    public void Start(KeyTree? root, long revision, IEnumerable<HistoryItem> history)
    {
        _compactedRoot = root;
        _compactedRevision = revision;
        foreach (var item in history)
        {
            _history.AddLast(item);
        }

        Volatile.Write(ref _dispatchedRevision, _history.Last?.Value.Revision ?? revision);
    }

    /// <summary>Hands one revision's events to history and watchers.</summary>
    public void Publish(HistoryItem item)
    {
        lock (_gate)
        {
            _history.AddLast(item);
            foreach (var change in item.Events)
            {
                Dispatch(change);
            }

            Volatile.Write(ref _dispatchedRevision, item.Revision);
        }
    }

    /// <summary>Opens a watch with everything after the revision already queued.</summary>
    public StoreWatch Open(string prefix, long afterRevision)
    {
        lock (_gate)
        {
            if (_closed)
            {
                throw new FaultException(FaultKind.Unavailable, "the store is closed");
            }

            if (afterRevision < _compactedRevision)
            {
                throw new FaultException(FaultKind.Expired, $"revision {afterRevision} was compacted; the oldest kept is {_compactedRevision}");
            }

            var backlog = new List<StoreEvent>();
            for (var node = _history.Last; node is not null && node.Value.Revision > afterRevision; node = node.Previous)
            {
                for (var i = node.Value.Events.Count - 1; i >= 0; i--)
                {
                    if (node.Value.Events[i].Key.StartsWith(prefix, StringComparison.Ordinal))
                    {
                        backlog.Add(node.Value.Events[i]);
                    }
                }
            }

            backlog.Reverse();
            var watch = new StoreWatch(this, prefix, backlog);
            if (!_watchesByPrefix.TryGetValue(prefix, out var list))
            {
                _watchesByPrefix[prefix] = list = [];
            }

            list.Add(watch);
            return watch;
        }
    }

    /// <summary>The tree at a revision that is neither compacted nor in the future.</summary>
    public KeyTree? RootAt(long revision)
    {
        lock (_gate)
        {
            for (var node = _history.Last; node is not null; node = node.Previous)
            {
                if (node.Value.Revision <= revision)
                {
                    return node.Value.Root;
                }
            }

            return _compactedRoot;
        }
    }

    /// <summary>The tree at the compacted revision, and that revision.</summary>
    public (KeyTree? Root, long Revision) Compacted
    {
        get
        {
            lock (_gate)
            {
                return (_compactedRoot, _compactedRevision);
            }
        }
    }

    /// <summary>The commits of the window, newest first, and the tree before the oldest of them with its revision.</summary>
    public (List<HistoryItem> Items, KeyTree? Root, long Revision) Window()
    {
        lock (_gate)
        {
            return ([.. _history.Reverse()], _compactedRoot, _compactedRevision);
        }
    }

    /// <summary>
    /// The newest revision that is older than a time or lies more than <paramref name="count"/> commits back; null when none does.
    /// </summary>
    public long? RevisionBefore(int count, long olderThanMs)
    {
        lock (_gate)
        {
            long? found = null;
            var excess = _history.Count - count;
            foreach (var item in _history)
            {
                if (excess-- <= 0 && item.CommittedMs >= olderThanMs)
                {
                    break;
                }

                found = item.Revision;
            }

            return found;
        }
    }

    /// <summary>Forgets the window at or below a revision, and gives the times of what it forgot.</summary>
    public List<CommitTime> Compact(long revision)
    {
        lock (_gate)
        {
            var forgotten = new List<CommitTime>();
            while (_history.First is { } first && first.Value.Revision <= revision)
            {
                _compactedRoot = first.Value.Root;
                _compactedRevision = first.Value.Revision;
                forgotten.Add(new CommitTime(first.Value.Revision, first.Value.CommittedMs));
                _history.RemoveFirst();
            }

            _compactedRevision = Math.Max(_compactedRevision, revision);
            return forgotten;
        }
    }

    public void Remove(StoreWatch watch)
    {
        lock (_gate)
        {
            if (_watchesByPrefix.TryGetValue(watch.Prefix, out var list) && list.Remove(watch) && list.Count == 0)
            {
                _watchesByPrefix.Remove(watch.Prefix);
            }
        }
    }

    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            foreach (var watch in _watchesByPrefix.Values.SelectMany(list => list))
            {
                watch.Close(new FaultException(FaultKind.Unavailable, "the store is closing"));
            }

            _watchesByPrefix.Clear();
        }
    }

    private void Dispatch(StoreEvent change)
    {
        // Few distinct prefixes are watched (one a resource type and namespace), so a scan beats an index.
        foreach (var (prefix, list) in _watchesByPrefix)
        {
            if (!change.Key.StartsWith(prefix, StringComparison.Ordinal))
            {
                continue;
            }

            list.RemoveAll(watch => !watch.TryWrite(change));
        }
    }
}
