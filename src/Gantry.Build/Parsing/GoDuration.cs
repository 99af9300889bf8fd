using System.Globalization;
using Gantry.Faults;

namespace Gantry.Build.Parsing;

/// <summary>Durations as Go writes them, <c>1m30s</c>, in nanoseconds.</summary>
internal static class GoDuration
{
    public static long Parse(string text)
    {
        var rest = text.AsSpan();
        var total = 0m;
        if (rest is "0")
        {
            return 0;
        }
        if (rest.IsEmpty)
        {
            throw Invalid(text);
        }
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept("0123456789.");
            if (digits <= 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            {
                throw Invalid(text);
            }
            rest = rest[digits..];
            var length = rest.IndexOfAny("0123456789.") is >= 0 and var next ? next : rest.Length;
            total += number * Unit(rest[..length], text);
            rest = rest[length..];
        }
        return total <= long.MaxValue ? (long)total : throw Invalid(text);
    }

    private static long Unit(ReadOnlySpan<char> unit, string text) => unit switch
    {
        "ns" => 1,
        "us" or "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => throw Invalid(text),
    };

    private static FaultException Invalid(string text) =>
        new(FaultKind.InvalidArgument, $"time: invalid duration \"{text}\" (write it like 30s or 1m30s)");
}
