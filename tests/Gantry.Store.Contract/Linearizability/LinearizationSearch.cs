namespace Gantry.Store.Contract.Linearizability;

/// <summary>
/// The search for an order of one part of a history. Calls and answers are a list in the order of time; an operation that is put in order
/// leaves the list with both its ends; an answer that is reached before its operation was put in order is a dead end. An operation of unknown outcome may be
/// left out when its end is reached.
/// </summary>
internal sealed class LinearizationSearch
{
    private readonly List<RecordedOperation> _operations;
    private readonly Dictionary<string, int> _keys = [];
    private readonly Node _head = new(-1, null);
    private readonly HashSet<Configuration> _tried = [];
    private readonly Stack<(Node Node, string?[] State)> _placed = new();
    private readonly ulong[] _done;
    private Node? _furthest;

    public LinearizationSearch(List<RecordedOperation> operations)
    {
        _operations = operations;
        _done = new ulong[(operations.Count + 63) / 64];
        foreach (var key in operations.SelectMany(operation => operation.Keys))
        {
            _keys.TryAdd(key, _keys.Count);
        }

        var ends = new List<(long At, Node Node)>();
        for (var i = 0; i < operations.Count; i++)
        {
            var answer = new Node(i, null);
            ends.Add((operations[i].Called, new Node(i, answer)));
            ends.Add((operations[i].Returned, answer));
        }

        var last = _head;
        foreach (var (_, node) in ends.OrderBy(end => end.At).ThenBy(end => end.Node.Answer is null))
        {
            last.Next = node;
            node.Before = last;
            last = node;
        }
    }

    /// <summary>The operation at which every order fails, or null when there is one that explains all.</summary>
    public RecordedOperation? Run()
    {
        var state = new string?[_keys.Count];
        var node = _head.Next;
        while (_head.Next is not null)
        {
            var operation = _operations[node!.Operation];
            // The end of an unknown operation that was not placed: it never had an effect.
            var leftOut = node.Answer is null && operation.Outcome == RecordedOutcome.Unknown;
            var next = node.Answer is not null ? Apply(operation, state) : leftOut ? state : null;
            if (next is not null && TryPlace(leftOut ? node.Call! : node, ref state, next))
            {
                node = _head.Next;
                continue;
            }

            if (node.Answer is not null)
            {
                // Something else may have happened before it; the list always goes on to its own answer.
                node = node.Next;
                continue;
            }

            _furthest = _furthest is null || operation.Returned > _operations[_furthest.Operation].Returned ? node : _furthest;
            if (!TryGoBack(ref state, out node))
            {
                return _operations[_furthest.Operation];
            }
        }

        return null;
    }

    private bool TryPlace(Node call, ref string?[] state, string?[] next)
    {
        _done[call.Operation / 64] |= 1UL << (call.Operation % 64);
        if (!_tried.Add(new Configuration([.. _done], next)))
        {
            _done[call.Operation / 64] &= ~(1UL << (call.Operation % 64));
            return false;
        }

        _placed.Push((call, state));
        state = next;
        call.Lift();
        return true;
    }

    private bool TryGoBack(ref string?[] state, out Node? node)
    {
        node = null;
        if (!_placed.TryPop(out var last))
        {
            return false;
        }

        _done[last.Node.Operation / 64] &= ~(1UL << (last.Node.Operation % 64));
        last.Node.Unlift();
        state = last.State;
        node = last.Node.Next;
        return true;
    }

    /// <summary>The state after an operation, or null when the operation would have been answered differently.</summary>
    private string?[]? Apply(RecordedOperation operation, string?[] state)
    {
        for (var i = 0; i < operation.Reads.Count; i++)
        {
            if (state[_keys[operation.Reads[i]]] != operation.Found[i])
            {
                return null;
            }
        }

        var failed = -1;
        for (var i = 0; i < operation.Writes.Count && failed < 0; i++)
        {
            failed = operation.Writes[i].Expected is { } expected && (state[_keys[operation.Writes[i].Key]] ?? Write.Absent) != expected ? i : -1;
        }

        if (operation.Outcome == RecordedOutcome.Conflict)
        {
            return failed == operation.FailedWrite && state[_keys[operation.Writes[failed].Key]] == operation.Present ? state : null;
        }

        if (failed >= 0)
        {
            return null;
        }

        var next = operation.Writes.Count > 0 ? (string?[])state.Clone() : state;
        foreach (var write in operation.Writes)
        {
            next[_keys[write.Key]] = write.Value;
        }

        return next;
    }

    private sealed class Node
    {
        public Node(int operation, Node? answer)
        {
            Operation = operation;
            Answer = answer;
            if (answer is not null)
            {
                answer.Call = this;
            }
        }

        public int Operation { get; }

        public Node? Answer { get; }

        public Node? Call { get; private set; }

        public Node? Before { get; set; }

        public Node? Next { get; set; }

        public void Lift()
        {
            Remove();
            Answer!.Remove();
        }

        public void Unlift()
        {
            Answer!.Insert();
            Insert();
        }

        private void Remove()
        {
            Before!.Next = Next;
            if (Next is not null)
            {
                Next.Before = Before;
            }
        }

        private void Insert()
        {
            Before!.Next = this;
            if (Next is not null)
            {
                Next.Before = this;
            }
        }
    }

    /// <summary>Which operations were placed, and what they made.</summary>
    private sealed class Configuration(ulong[] done, string?[] state) : IEquatable<Configuration>
    {
        private readonly int _hash = Hash(done, state);

        public bool Equals(Configuration? other) => other is not null && _hash == other._hash && done.AsSpan().SequenceEqual(other.Done) && state.AsSpan().SequenceEqual(other.State);

        public override bool Equals(object? other) => Equals(other as Configuration);

        public override int GetHashCode() => _hash;

        private ulong[] Done => done;

        private string?[] State => state;

        private static int Hash(ulong[] done, string?[] state)
        {
            var hash = default(HashCode);
            foreach (var word in done)
            {
                hash.Add(word);
            }

            foreach (var value in state)
            {
                hash.Add(value);
            }

            return hash.ToHashCode();
        }
    }
}
