namespace Gantry.Linux.Seccomp;

/// <summary>
/// Writes a filter from its end to its beginning, since jumps only lead forward: what an instruction leads to is there when it is
/// written. A place is the count of the instructions that were there before it was written.
/// </summary>
internal sealed class FilterWriter
{
    /// <summary>The farthest that a test leads, less the jumps that may come in between for its two branches.</summary>
    private const int MaxDistance = byte.MaxValue - 2;

    private readonly List<FilterInstruction> _reversed = [];
    private readonly Dictionary<FilterDecision, int> _places = [];
    private readonly Dictionary<FilterDecision, int> _tests = [];

    public int Count => _reversed.Count;

    /// <summary>The whole filter.</summary>
    public void Write(List<FilterRange> architectures)
    {
        _ = Near(Search(architectures, 0, architectures.Count), isNext: true);
        Add(FilterInstruction.Load, FilterReader.ArchitectureOffset);
    }

    public byte[] ToArray()
    {
        var result = new byte[_reversed.Count * FilterInstruction.Size];
        for (var i = 0; i < _reversed.Count; i++)
        {
            _reversed[^(i + 1)].Write(result.AsSpan(i * FilterInstruction.Size));
        }
        return result;
    }

    /// <summary>A binary search for the range that the accumulator is in.</summary>
    private int Search(List<FilterRange> ranges, int from, int to)
    {
        if (to - from == 1)
        {
            return Write(ranges[from]);
        }
        var middle = (from + to) / 2;
        var above = Search(ranges, middle, to);
        var below = Search(ranges, from, middle);
        return AddTest(FilterInstruction.JumpGreaterOrEqual, ranges[middle].First, above, below);
    }

    private int Write(FilterRange range)
    {
        if (range.Calls is not { } calls)
        {
            return WriteDecision(range.Decision!, after: null);
        }
        _ = Near(Search(calls, 0, calls.Count), isNext: true);
        return Add(FilterInstruction.Load, FilterReader.CallOffset);
    }

    /// <summary>What tests the same word as the test before it finds it loaded.</summary>
    private int WriteDecision(FilterDecision decision, FilterDecision? after)
    {
        if (decision.IsAction)
        {
            // Written again where it would be far away: that takes no more than a jump to it.
            return _places.TryGetValue(decision, out var near) && Count - near <= MaxDistance
                ? near
                : _places[decision] = Add(FilterInstruction.Return, decision.Test.Value);
        }
        if (!_tests.TryGetValue(decision, out var test))
        {
            var whenFalse = WriteDecision(decision.WhenFalse!, decision);
            var whenTrue = WriteDecision(decision.WhenTrue!, decision);
            _tests[decision] = test = AddTest(decision.Test.Code, decision.Test.Value, whenTrue, whenFalse);
        }
        if (after is not null && (after.Offset, after.Mask) == (decision.Offset, decision.Mask))
        {
            return test;
        }
        if (!_places.TryGetValue(decision, out var place))
        {
            _ = Near(test, isNext: true);
            if (decision.Mask != uint.MaxValue)
            {
                Add(FilterInstruction.And, decision.Mask);
            }
            _places[decision] = place = Add(FilterInstruction.Load, decision.Offset);
        }
        return place;
    }

    private int AddTest(ushort code, uint value, int whenTrue, int whenFalse)
    {
        whenTrue = Near(whenTrue);
        whenFalse = Near(whenFalse);
        _reversed.Add(new FilterInstruction(code, (byte)(Count - whenTrue - 1), (byte)(Count - whenFalse - 1), value));
        return Count - 1;
    }

    /// <summary>A place that leads where this one does, and that a test can reach, or that is the very next one.</summary>
    private int Near(int place, bool isNext = false) =>
        Count - place <= (isNext ? 1 : MaxDistance) ? place : Add(FilterInstruction.Jump, (uint)(Count - place - 1));

    private int Add(ushort code, uint value)
    {
        _reversed.Add(new FilterInstruction(code, 0, 0, value));
        return Count - 1;
    }
}
