using System.Globalization;
using System.Text.RegularExpressions;
using Gantry.Faults;
using Gantry.Store;

namespace Gantry.Kube.Api.History;

/// <summary>
/// Reads how people name a moment: a revision (<c>4711</c>), a span before now (<c>90s</c>, <c>10m</c>, <c>2h30m</c>, <c>1d</c>), a
/// time (RFC 3339, or <c>15:04</c> of today in UTC), or the name of a snapshot.
/// </summary>
internal sealed partial class PointReader(IStoreHistory history, TimeProvider time)
{
    private const string Forms = "a revision such as 4711, a span before now such as 10m or 1d, a time such as 2026-01-31T15:04:05Z or 15:04, or the name of a snapshot";

    public async ValueTask<HistoryPoint> ReadAsync(string text, CancellationToken cancellationToken)
    {
        var span = await history.GetSpanAsync(cancellationToken).ConfigureAwait(false);
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var revision))
        {
            return revision <= span.NewestRevision
                ? new HistoryPoint(revision, span.NewestTime)
                : throw new FaultException(FaultKind.InvalidArgument, $"revision {revision} is in the future; the newest is {span.NewestRevision}");
        }

        if (ReadTime(text) is { } moment)
        {
            return new HistoryPoint(await history.RevisionAtAsync(moment, cancellationToken).ConfigureAwait(false), moment);
        }

        var snapshots = await history.ListSnapshotsAsync(cancellationToken).ConfigureAwait(false);
        return snapshots.FirstOrDefault(snapshot => snapshot.Name == text) is { } named
            ? new HistoryPoint(named.Revision, named.Time)
            : throw new FaultException(FaultKind.NotFound, $"\"{text}\" is no point in time and no snapshot has that name; give {Forms}");
    }

    private DateTimeOffset? ReadTime(string text)
    {
        var now = time.GetUtcNow();
        if (Span().Match(text) is { Success: true } match)
        {
            return now - new TimeSpan(Part(match, "d"), Part(match, "h"), Part(match, "m"), Part(match, "s"));
        }

        if (TimeOnly.TryParseExact(text, ["HH:mm", "HH:mm:ss"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var clock))
        {
            var today = new DateTimeOffset(DateOnly.FromDateTime(now.UtcDateTime).ToDateTime(clock), TimeSpan.Zero);
            // At one o'clock "23:50" is yesterday's.
            return today > now ? today.AddDays(-1) : today;
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment) ? moment : null;
    }

    private static int Part(Match match, string name) =>
        match.Groups[name].Success ? int.Parse(match.Groups[name].Value, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex("^(?=.)(?:(?<d>[0-9]{1,6})d)?(?:(?<h>[0-9]{1,6})h)?(?:(?<m>[0-9]{1,6})m)?(?:(?<s>[0-9]{1,6})s)?$")]
    private static partial Regex Span();
}
