using Gantry.Store.Sqlite.Commits;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>
/// Builds the state and the window: from the entries of the store's file, and then from the commits of the log in their order.
/// </summary>
internal sealed class Loading(StoreState empty)
{
    private readonly long _compacted = empty.CompactedRevision;
    private readonly List<HistoryItem> _window = [];
    private readonly List<ForgottenCommit> _forgotten = [];
    private readonly Dictionary<string, StoredEntry> _base = new(StringComparer.Ordinal);
    private KeyTree? _root;
    private KeyTree? _rootAtCompaction;
    private bool _built;
    private long _revision = empty.Revision;
    private long _time = empty.CommittedMs;

    public void Add(StoredEntry entry) => _base[entry.Key] = entry;

    public void Add(LoggedCommit commit)
    {
        _time = Math.Max(_time, commit.CommittedMs);
        _revision = Math.Max(_revision, commit.Revision);
        if (commit.Revision <= _compacted)
        {
            // Before the window only the outcome matters, so it is collected in a dictionary and the tree is built once.
            _forgotten.Add(new ForgottenCommit(commit.Revision, commit.CommittedMs, [.. commit.Changes.Select(change => AddToBase(commit, change))]));
            return;
        }

        BuildBase();
        var changes = new StoredChange[commit.Changes.Count];
        for (var i = 0; i < changes.Length; i++)
        {
            var logged = commit.Changes[i];
            var change = Change(commit, logged, (StoredEntry?)KeyTree.Find(_root, logged.Key));
            _root = change.After is { } entry ? KeyTree.Set(_root, entry) : KeyTree.Remove(_root, logged.Key);
            changes[i] = change;
        }

        _window.Add(new HistoryItem(commit.Revision, changes, _root, true, commit.CommittedMs));
    }

    public (StoreState State, KeyTree? RootAtCompaction, List<HistoryItem> Window, List<ForgottenCommit> Forgotten) End()
    {
        BuildBase();
        return (new StoreState(_root, _revision, _compacted, _time), _rootAtCompaction, _window, _forgotten);
    }

    private static StoredChange Change(LoggedCommit commit, LoggedChange change, StoredEntry? before)
    {
        var id = (commit.Revision * StoredChange.MaxOperations) + change.Index;
        return new StoredChange(change.Key, id, change.CreateRevision, before, change.Value is { } value
            ? new StoredEntry(change.Key, value, change.CreateRevision, commit.Revision, id, commit.CommittedMs) : null);
    }

    private StoredChange AddToBase(LoggedCommit commit, LoggedChange logged)
    {
        var change = Change(commit, logged, _base.GetValueOrDefault(logged.Key));
        if (change.After is { } entry)
        {
            _base[logged.Key] = entry;
        }
        else
        {
            _base.Remove(logged.Key);
        }

        return change;
    }

    private void BuildBase()
    {
        if (!_built)
        {
            _built = true;
            StoreEntry[] entries = [.. _base.Values];
            Array.Sort(entries, (a, b) => string.CompareOrdinal(a.Key, b.Key));
            _root = _rootAtCompaction = KeyTree.Build(entries);
            _base.Clear();
        }
    }
}
