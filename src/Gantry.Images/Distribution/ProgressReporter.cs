using System.Diagnostics;

namespace Gantry.Images.Distribution;

/// <summary>Hands progress on, one message at a time, and byte counts at most ten times a second for each id.</summary>
internal sealed class ProgressReporter(Action<ImageProgress>? receiver)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _lastCount = new(StringComparer.Ordinal);

    public void Report(string? id, string status)
    {
        if (receiver is not null)
        {
            lock (_lock)
            {
                receiver(new ImageProgress(id, status));
            }
        }
    }

    public void ReportBytes(string id, string status, long current, long total)
    {
        if (receiver is null)
        {
            return;
        }
        lock (_lock)
        {
            var now = Stopwatch.GetTimestamp();
            if (current < total && _lastCount.TryGetValue(id, out var last) && Stopwatch.GetElapsedTime(last, now).TotalMilliseconds < 100)
            {
                return;
            }
            _lastCount[id] = now;
            receiver(new ImageProgress(id, status, current, total));
        }
    }
}
