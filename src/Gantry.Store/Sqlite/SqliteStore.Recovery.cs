using Gantry.Faults;
using Gantry.Store.Sqlite.Commits;

namespace Gantry.Store.Sqlite;

/// <summary>From the files to memory at the start, and what a failure of the log leaves in doubt.</summary>
public sealed partial class SqliteStore
{
    private static readonly TimeSpan s_leastPatience = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_mostPatience = TimeSpan.FromSeconds(1);

    private StoreState Load(PresentFile present, out long compacted, out IReadOnlyList<ForgottenCommit> forgotten)
    {
        (compacted, _compactedMs) = (present.ReadMeta("compacted", 1), present.ReadMeta("compacted_time", 0));
        if (_log.Compacted.Revision > compacted)
        {
            (compacted, _compactedMs) = _log.Compacted;
        }

        var loading = new Loading(new StoreState(null, compacted, compacted, _compactedMs));
        foreach (var entry in present.Read())
        {
            loading.Add(entry);
        }

        _log.TakeCommits().ForEach(loading.Add);
        (var state, var rootAtCompaction, var window, forgotten) = loading.End();
        _newest = new NewestEntries(state.Root);
        _hub.Start(rootAtCompaction, compacted, window);
        return state;
    }

    private void CheckHistory()
    {
        try
        {
            _history!.CheckIntegrity();
        }
        catch (FaultException damage) when (damage.Kind == FaultKind.DataLoss)
        {
            Volatile.Write(ref _damage, damage);
        }
        catch (FaultException)
        {
            // The store was closed meanwhile, or the disk failed: whoever reads the history next is told.
        }
    }

    /// <summary>Finds out what became of a batch in doubt, if there is one.</summary>
    private void Settle()
    {
        if (_inDoubt is { } doubt)
        {
            _inDoubt = null;
            Recover(doubt);
        }
    }

    /// <summary>
    /// A failed fsync is not repeated: the kernel may have dropped the pages that it could not write and calls them clean, so a second
    /// one that succeeds proves nothing. The log goes on in another segment, which says after which revision it begins; once that is
    /// durable, the batch that was under way is not in the log, whatever the disk has of it.
    /// </summary>
    private void Recover(LogFault failure)
    {
        var refusal = Refused(failure);
        _refusal = refusal;
        for (var patience = s_leastPatience; !TryBeginAnew(out var again); patience = patience * 2 < s_mostPatience ? patience * 2 : s_mostPatience)
        {
            var unknown = new FaultException(FaultKind.Unavailable, $"whether this was written is not known: {again.Message}", again);
            _outcomes.ForEach(outcome => outcome.Pending.TrySetException(unknown));
            FailAll([], refusal);
            if (_closing.Token.WaitHandle.WaitOne(patience))
            {
                return;
            }
        }

        var lost = new FaultException(FaultKind.Unavailable, $"nothing was written: {failure.Message}", failure);
        _outcomes.ForEach(outcome => outcome.Pending.TrySetException(lost));
        _outcomes.Clear();
        _refusal = null;
    }

    private static FaultException Refused(LogFault failure) =>
        new(FaultKind.Unavailable, $"writes are refused until the disk can be written again: {failure.Message}", failure);

    private bool TryBeginAnew(out LogFault failure)
    {
        try
        {
            BeginAnew();
            failure = null!;
            return true;
        }
        catch (LogFault again)
        {
            failure = again;
            return false;
        }
    }

    private void BeginAnew()
    {
        _frame.Begin(_state.Revision);
        _frame.End(_state.CompactedRevision, _compactedMs);
        _log.BeginAnew(_frame, _state.Revision);
    }
}
