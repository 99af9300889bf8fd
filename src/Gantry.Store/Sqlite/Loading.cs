using Gantry.Faults;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>Builds the state and the window from the rows of the log, in their order, and checks that they fit together.</summary>
internal sealed class Loading(StoreState empty)
{
    private readonly long _compacted = empty.CompactedRevision;
    private readonly List<HistoryItem> _window = [];
    private readonly List<SupersededRow> _superseded = [];
    private readonly List<CommitTime> _forgotten = [];
    private readonly Dictionary<string, StoredEntry> _base = new(StringComparer.Ordinal);
    private KeyTree? _root;
    private KeyTree? _rootAtCompaction;
    private bool _built;
    private List<StoreEvent> _events = [];
    private long _revision = empty.Revision;
    private long _time = empty.CommittedMs;
    private long _lastId;

    public void Add(LogRow row, string path)
    {
        if (row.Id <= _lastId || row.Key.Length == 0 || row.CreateRevision > row.Revision || row.CreateRevision < 1)
        {
            throw new FaultException(FaultKind.DataLoss, $"{path} is damaged (row {row.Id} does not fit); restore it from a backup");
        }

        _lastId = row.Id;
        if (row.Revision > _compacted)
        {
            AddToWindow(row);
            return;
        }

        // Before the window only the outcome matters, so it is collected in a dictionary and the tree is built once.
        _forgotten.Add(new CommitTime(row.Revision, row.CommittedMs));
        if (_base.Remove(row.Key, out var previous))
        {
            _superseded.Add(new SupersededRow(row.Revision, previous.RowId));
        }

        if (row.Value is null)
        {
            _superseded.Add(new SupersededRow(row.Revision, row.Id));
        }
        else
        {
            _base[row.Key] = Entry(row);
        }

        _time = Math.Max(_time, row.CommittedMs);
    }

    public (StoreState State, KeyTree? RootAtCompaction, List<HistoryItem> Window, List<SupersededRow> Superseded) End()
    {
        BuildBase();
        EndRevision();
        return (new StoreState(_root, _revision, _compacted, _time), _rootAtCompaction, _window, _superseded);
    }

    /// <summary>The times of the revisions after one and up to another, as far as the log still knows them.</summary>
    public IEnumerable<CommitTime> TimesAfter(long after, long last) =>
        _forgotten.Where(time => time.Revision > after && time.Revision <= last).DistinctBy(time => time.Revision);

    private static StoredEntry Entry(LogRow row) => new(row.Key, row.Value, row.CreateRevision, row.Revision, row.Id, row.CommittedMs);

    private void AddToWindow(LogRow row)
    {
        BuildBase();
        if (row.Revision != _revision)
        {
            EndRevision();
        }

        var previous = (StoredEntry?)KeyTree.Find(_root, row.Key);
        if (previous is not null)
        {
            _superseded.Add(new SupersededRow(row.Revision, previous.RowId));
        }

        if (row.Value is null)
        {
            _superseded.Add(new SupersededRow(row.Revision, row.Id));
        }

        _root = row.Value is null ? KeyTree.Remove(_root, row.Key) : KeyTree.Set(_root, Entry(row));
        // A null array would convert to an empty value, which is not a deletion.
        ReadOnlyMemory<byte>? value = row.Value is null ? default(ReadOnlyMemory<byte>?) : row.Value;
        _events.Add(new StoreEvent(row.Key, row.Revision, row.CreateRevision, value, previous?.Value));
        _revision = row.Revision;
        _time = Math.Max(_time, row.CommittedMs);
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

    private void EndRevision()
    {
        if (_events.Count > 0)
        {
            _window.Add(new HistoryItem(_revision, _events, _root, _time));
            _events = [];
        }
    }
}
