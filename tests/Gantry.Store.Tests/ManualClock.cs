namespace Gantry.Store.Tests;

/// <summary>A clock that goes on only when it is told to.</summary>
internal sealed class ManualClock : TimeProvider
{
    private long _ms = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ms, (long)time.TotalMilliseconds);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Volatile.Read(ref _ms));
}
