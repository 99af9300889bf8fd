namespace Gantry.Store.Contract.Linearizability;

/// <summary>Collects the operations of concurrent clients, with one counter as their clock.</summary>
public sealed class HistoryRecorder
{
    private readonly Lock _gate = new();
    private readonly List<RecordedOperation> _operations = [];
    private long _clock;

    /// <summary>All operations so far.</summary>
    public IReadOnlyList<RecordedOperation> Operations
    {
        get
        {
            lock (_gate)
            {
                return [.. _operations];
            }
        }
    }

    /// <summary>How many they are.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _operations.Count;
            }
        }
    }

    /// <summary>A moment later than all before.</summary>
    public long Now() => Interlocked.Increment(ref _clock);

    /// <summary>Takes note of an operation, before it is sent.</summary>
    public RecordedOperation Add(RecordedOperation operation)
    {
        lock (_gate)
        {
            _operations.Add(operation);
        }

        return operation;
    }

    /// <summary>The store was closed or killed: what has no answer can have no effect after this moment.</summary>
    public void EndEpoch()
    {
        var now = Now();
        lock (_gate)
        {
            foreach (var operation in _operations.Where(operation => operation.Returned == long.MaxValue))
            {
                operation.Returned = now;
            }
        }
    }
}
