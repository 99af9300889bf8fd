using System.Numerics;

namespace Gantry.Linux.Seccomp;

/// <summary>Finds out what a filter does, by following it for each architecture and call that it tells apart.</summary>
internal sealed class FilterReader(FilterInstruction[] program)
{
    /// <summary>Of struct seccomp_data: the call's number, the architecture.</summary>
    public const uint CallOffset = 0;
    public const uint ArchitectureOffset = 4;

    // What the accumulator may hold, for the search of bounds: a word of struct seccomp_data, or nothing yet.
    private const uint DataSize = 64;
    private const uint Nothing = DataSize;

    // Tests of lower bits are left alone, for they would make too many ranges.
    private const int LeastBit = 28;

    private readonly Dictionary<FilterDecision, FilterDecision> _decisions = [];
    private readonly List<uint> _calls = [0];
    private readonly List<uint> _architectures = [0];
    private readonly Followed[] _followed = new Followed[program.Length];
    private bool _isUnknown;
    private bool _hasReadCall;
    private int _round;

    /// <summary>
    /// For each range of architectures, the ranges of calls with what is decided for them; null for a program with instructions
    /// that this does not know.
    /// </summary>
    public List<FilterRange>? Read()
    {
        CollectBounds(0, Nothing, new bool[program.Length * (DataSize + 1)]);
        List<FilterRange> result = [];
        foreach (var architecture in _isUnknown ? [] : _architectures)
        {
            result.Add(ReadCalls(architecture));
        }
        return _isUnknown ? null : result;
    }

    private FilterRange ReadCalls(uint architecture)
    {
        List<FilterRange> result = [];
        _hasReadCall = false;
        foreach (var call in _calls)
        {
            _round++;
            var decision = Follow(0, default, architecture, call);
            if (!_hasReadCall)
            {
                return new FilterRange(architecture, decision, null);
            }
            if (result.Count == 0 || !ReferenceEquals(result[^1].Decision, decision))
            {
                result.Add(new FilterRange(call, decision, null));
            }
        }
        return new FilterRange(architecture, null, result);
    }

    /// <summary>
    /// The numbers at which a test of the call or of the architecture can change its answer. Both branches of every test are
    /// followed, whatever it says.
    /// </summary>
    private void CollectBounds(int at, uint loaded, bool[] seen)
    {
        while (at < program.Length && !seen[(at * (DataSize + 1)) + loaded])
        {
            seen[(at * (DataSize + 1)) + loaded] = true;
            var instruction = program[at++];
            var isNumber = loaded is CallOffset or ArchitectureOffset;
            if (instruction.Code == FilterInstruction.Load && instruction.Value < DataSize)
            {
                loaded = instruction.Value;
            }
            else if (instruction.Code == FilterInstruction.Jump)
            {
                at += (int)instruction.Value;
            }
            else if (instruction.Code == FilterInstruction.Return)
            {
                return;
            }
            else if (instruction.IsTest && loaded != Nothing)
            {
                if (isNumber)
                {
                    AddBounds(loaded == CallOffset ? _calls : _architectures, instruction);
                }
                CollectBounds(at + instruction.WhenTrue, loaded, seen);
                at += instruction.WhenFalse;
            }
            else if (instruction.Code != FilterInstruction.And || loaded == Nothing || isNumber)
            {
                _isUnknown = true;
                return;
            }
        }
    }

    private void AddBounds(List<uint> bounds, FilterInstruction test)
    {
        if (test.Code != FilterInstruction.JumpSet)
        {
            AddBound(bounds, test.Value);
            AddBound(bounds, test.Value == uint.MaxValue ? 0 : test.Value + 1);
            return;
        }
        // The bit of x32: what it and higher bits say changes at each multiple of the lowest.
        var lowest = BitOperations.TrailingZeroCount(test.Value);
        _isUnknown |= lowest < LeastBit;
        for (var number = 1U; !_isUnknown && number < 1U << (32 - lowest); number++)
        {
            AddBound(bounds, number << lowest);
        }
    }

    private static void AddBound(List<uint> bounds, uint number)
    {
        var at = bounds.BinarySearch(number);
        if (at < 0)
        {
            bounds.Insert(~at, number);
        }
    }

    private FilterDecision Follow(int at, Loaded loaded, uint architecture, uint call)
    {
        while (at < program.Length)
        {
            var instruction = program[at++];
            switch (instruction.Code)
            {
                case FilterInstruction.Load when instruction.Value is CallOffset or ArchitectureOffset:
                    _hasReadCall |= instruction.Value == CallOffset;
                    loaded = new Loaded(true, instruction.Value == CallOffset ? call : architecture);
                    break;
                case FilterInstruction.Load:
                    loaded = new Loaded(false, instruction.Value);
                    break;
                case FilterInstruction.And:
                    loaded = loaded with { Mask = loaded.Mask & instruction.Value };
                    break;
                case FilterInstruction.Jump:
                    at += (int)instruction.Value;
                    break;
                case FilterInstruction.Return:
                    return Unique(new FilterDecision(instruction));
                default:
                    if (!loaded.IsNumber)
                    {
                        return FollowBoth(at, instruction, loaded, architecture, call);
                    }
                    at += instruction.Holds(loaded.Value) ? instruction.WhenTrue : instruction.WhenFalse;
                    break;
            }
        }
        _isUnknown = true; // the kernel takes no program that runs over its end
        return Unique(new FilterDecision(default));
    }

    private FilterDecision FollowBoth(int at, FilterInstruction test, Loaded loaded, uint architecture, uint call)
    {
        // Many tests lead to the same next one.
        ref var known = ref _followed[at - 1];
        if (known.Round != _round || known.Loaded != loaded)
        {
            var whenTrue = Follow(at + test.WhenTrue, loaded, architecture, call);
            var whenFalse = Follow(at + test.WhenFalse, loaded, architecture, call);
            var result = ReferenceEquals(whenTrue, whenFalse)
                ? whenTrue
                : Unique(new FilterDecision(test with { WhenTrue = 0, WhenFalse = 0 }, loaded.Value, loaded.Mask, whenTrue, whenFalse));
            known = new Followed(_round, loaded, result);
        }
        return known.Decision!;
    }

    private FilterDecision Unique(FilterDecision decision)
    {
        if (_decisions.TryGetValue(decision, out var known))
        {
            return known;
        }
        _decisions[decision] = decision;
        return decision;
    }

    /// <summary>The accumulator: a number, or the word of an argument at an offset, masked.</summary>
    private readonly record struct Loaded(bool IsNumber, uint Value, uint Mask = uint.MaxValue);

    /// <summary>What was found at a test, for one architecture and call.</summary>
    private readonly record struct Followed(int Round, Loaded Loaded, FilterDecision? Decision);
}
