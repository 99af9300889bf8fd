using System.Globalization;
using Gantry.Faults;

namespace Gantry.Docker.Protocol;

/// <summary>Times as Docker's clients write and read them.</summary>
internal static class TimestampText
{
    /// <summary>What Docker shows for "never".</summary>
    internal const string Never = "0001-01-01T00:00:00Z";

    internal static string Format(DateTimeOffset? time) =>
        time is null ? Never : time.Value.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);

    internal static long Nanoseconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks * 100;

    /// <summary>Seconds since 1970 with an optional fraction, RFC 3339, or a span back from now (10m); null for empty and zero.</summary>
    internal static DateTimeOffset? Parse(string text)
    {
        if (text is "" or "0")
        {
            return null;
        }

        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal seconds))
        {
            return DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
        }

        if (TrySpan(text, out TimeSpan span))
        {
            return DateTimeOffset.UtcNow - span;
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? time
            : throw new FaultException(FaultKind.InvalidArgument, $"failed to parse value as time or duration: \"{text}\"");
    }

    /// <summary>Reads Go's durations: 1h30m, 10s, 500ms.</summary>
    internal static bool TrySpan(string text, out TimeSpan span)
    {
        span = TimeSpan.Zero;
        int position = 0;
        while (position < text.Length)
        {
            int start = position;
            while (position < text.Length && (char.IsAsciiDigit(text[position]) || text[position] == '.'))
            {
                position++;
            }

            int unit = position;
            while (position < text.Length && char.IsAsciiLetter(text[position]))
            {
                position++;
            }

            if (!double.TryParse(text.AsSpan(start, unit - start), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
            {
                return false;
            }

            double? milliseconds = text[unit..position] switch { "h" => 3_600_000, "m" => 60_000, "s" => 1000, "ms" => 1, "us" => 0.001, _ => null };
            if (milliseconds is null)
            {
                return false;
            }

            span += TimeSpan.FromMilliseconds(number * milliseconds.Value);
        }

        return text.Length > 0;
    }
}
