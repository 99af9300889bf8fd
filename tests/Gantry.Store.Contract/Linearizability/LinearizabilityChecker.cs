namespace Gantry.Store.Contract.Linearizability;

/// <summary>
/// Decides whether a recorded history can be explained by operations that happened one after the other, each between its call and its answer
/// (Wing and Gong's search, with Lowe's memory of configurations that were tried). The history is split by keys first: operations on
/// keys that no commit and no read connects are independent of each other (Herlihy and Wing: linearizability is local), and those that
/// are connected stay together.
/// </summary>
public static class LinearizabilityChecker
{
    /// <summary>What is wrong with a history, or null.</summary>
    public static string? Check(IReadOnlyList<RecordedOperation> history)
    {
        if (CheckRevisions(history) is { } disorder)
        {
            return disorder;
        }

        foreach (var part in Split([.. history.Where(operation => operation.Outcome != RecordedOutcome.Refused)]))
        {
            var relevant = WithoutUnseen(part);
            if (new LinearizationSearch(relevant).Run() is { } stuck)
            {
                var near = relevant.Where(operation => Math.Abs(operation.Called - stuck.Called) < 60).OrderBy(operation => operation.Called);
                return $"no order explains\n  {stuck}\nnear it:\n  {string.Join("\n  ", near)}";
            }
        }

        return null;
    }

    /// <summary>
    /// Revisions are an order of all commits, over all keys: one revision a commit, later for what began after another had ended, and a read sees
    /// no older one than what was acknowledged before it began.
    /// </summary>
    private static string? CheckRevisions(IReadOnlyList<RecordedOperation> history)
    {
        var known = history.Where(operation => operation.Outcome == RecordedOutcome.Done && operation.Revision > 0).ToList();
        var doubled = known.Where(operation => operation.Writes.Any(write => write.Value is not null)).GroupBy(operation => operation.Revision).FirstOrDefault(group => group.Count() > 1);
        if (doubled is not null)
        {
            return $"revision {doubled.Key} was given to two commits:\n  {string.Join("\n  ", doubled)}";
        }

        var ended = new PriorityQueue<RecordedOperation, long>(known.Where(operation => operation.Writes.Count > 0).Select(operation => (operation, operation.Returned)));
        RecordedOperation? newest = null;
        foreach (var operation in known.OrderBy(operation => operation.Called))
        {
            while (ended.TryPeek(out var done, out var at) && at < operation.Called)
            {
                ended.Dequeue();
                newest = newest is null || done.Revision > newest.Revision ? done : newest;
            }

            var isWrite = operation.Writes.Any(write => write.Value is not null);
            if (newest is not null && (isWrite ? operation.Revision <= newest.Revision : operation.Revision < newest.Revision))
            {
                return $"revisions go back:\n  {newest}\n  {operation}";
            }
        }

        return null;
    }

    private static IEnumerable<List<RecordedOperation>> Split(IReadOnlyList<RecordedOperation> history)
    {
        var parent = new Dictionary<string, string>();
        string Root(string key)
        {
            while (parent.TryGetValue(key, out var above) && above != key)
            {
                key = above;
            }

            return key;
        }

        foreach (var operation in history)
        {
            var first = Root(operation.Keys.First());
            foreach (var key in operation.Keys)
            {
                parent[Root(key)] = first;
            }
        }

        return history.GroupBy(operation => Root(operation.Keys.First())).Select(group => group.ToList());
    }

    /// <summary>
    /// Leaves out commits of unknown outcome that only write values which nobody ever saw: if an order with such a commit explains the history, so does
    /// the one without it, since between it and the next write of its key nobody looked.
    /// </summary>
    private static List<RecordedOperation> WithoutUnseen(List<RecordedOperation> part)
    {
        var seen = part.SelectMany(operation => operation.Found.Append(operation.Present)).OfType<string>().ToHashSet();
        seen.UnionWith(part.Where(operation => operation.Outcome == RecordedOutcome.Done).SelectMany(operation => operation.Writes).Select(write => write.Expected).OfType<string>());
        return [.. part.Where(operation => operation.Outcome != RecordedOutcome.Unknown
            || (operation.Writes.Count > 0 && operation.Writes.Any(write => write.Value is null || seen.Contains(write.Value))))];
    }
}
