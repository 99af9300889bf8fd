namespace Gantry.Daemon.Storage;

/// <summary>How much history is kept: whatever is younger, as long as it takes no more space.</summary>
internal sealed record HistoryLimits(TimeSpan Age, long Bytes)
{
    public static readonly HistoryLimits Default = new(TimeSpan.FromHours(24), 1L << 30);
}
