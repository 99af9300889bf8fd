using Gantry.Faults;

namespace Gantry.Store.Watch;

/// <summary>
/// Delivers events to watchers in revision order, and keeps the history window from which a watch can resume. All members
/// may be called from any thread; <see cref="Add"/> and <see cref="Dispatch"/> are called by the writer only.
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

    /// <summary>Takes commits into the window, before readers may see them; watchers hear of them with <see cref="Dispatch"/>.</summary>
    public void Add(List<HistoryItem> items)
    {
        lock (_gate)
        {
            items.ForEach(item => _history.AddLast(item));
        }
    }

    /// <summary>Hands the events of commits to watchers, revision by revision, when readers see them.</summary>
    public void Dispatch(List<HistoryItem> items)
    {
        lock (_gate)
        {
            if (_watchesByPrefix.Count > 0)
            {
                items.ForEach(Dispatch);
            }

            Volatile.Write(ref _dispatchedRevision, items[^1].Revision);
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
            for (var node = Dispatched(); node is not null && node.Value.Revision > afterRevision; node = node.Previous)
            {
                for (var i = node.Value.Changes.Count - 1; i >= 0; i--)
                {
                    if (node.Value.Changes[i].Key.StartsWith(prefix, StringComparison.Ordinal))
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
        KeyTree? root;
        var since = new List<HistoryItem>();
        lock (_gate)
        {
            var node = _history.Last;
            for (; node is not null && (node.Value.Revision > revision || !node.Value.HasRoot); node = node.Previous)
            {
                if (node.Value.Revision <= revision)
                {
                    since.Add(node.Value);
                }
            }

            root = node is null ? _compactedRoot : node.Value.Root;
        }

        since.Reverse();
        return KeyTree.Apply(root, since.SelectMany(static item => item.Changes));
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
            var items = new List<HistoryItem>(_history.Count);
            for (var node = Dispatched(); node is not null; node = node.Previous)
            {
                items.Add(node.Value);
            }

            return (items, _compactedRoot, _compactedRevision);
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

                // Where there is a tree already, none needs to be made.
                found = item.HasRoot ? item.Revision : found;
            }

            return found;
        }
    }

    /// <summary>Forgets the window at or below a revision, and gives what it forgot.</summary>
    public List<HistoryItem> Compact(long revision)
    {
        lock (_gate)
        {
            var forgotten = new List<HistoryItem>();
            var rest = 0;
            while (_history.First is { } first && first.Value.Revision <= revision)
            {
                if (first.Value.HasRoot)
                {
                    _compactedRoot = first.Value.Root;
                    rest = forgotten.Count + 1;
                }

                _compactedRevision = first.Value.Revision;
                forgotten.Add(first.Value);
                _history.RemoveFirst();
            }

            _compactedRoot = KeyTree.Apply(_compactedRoot, forgotten.Skip(rest).SelectMany(static item => item.Changes));
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

    // What readers do not see yet is for the next dispatch.
    private LinkedListNode<HistoryItem>? Dispatched()
    {
        var node = _history.Last;
        while (node is not null && node.Value.Revision > _dispatchedRevision)
        {
            node = node.Previous;
        }

        return node;
    }

    private void Dispatch(HistoryItem item)
    {
        foreach (var change in item.Events)
        {
            Dispatch(change);
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
