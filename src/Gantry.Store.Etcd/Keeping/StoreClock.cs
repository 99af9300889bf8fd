using System.Globalization;
using System.Text;
using Google.Protobuf;

namespace Gantry.Store.Etcd.Keeping;

/// <summary>
/// When the time has to be written again. Its key is changed together with others, at most every
/// <see cref="Resolution"/>: a revision's time is the key's value at that revision, and may be early by that much.
/// </summary>
internal sealed class StoreClock(TimeProvider time)
{
    /// <summary>Commits with more operations than this leave no room for one more within etcd's default of 128.</summary>
    public const int RoomForTime = 100;

    /// <summary>How exact the time of a revision is.</summary>
    public static readonly TimeSpan Resolution = TimeSpan.FromMilliseconds(10);

    private long _lastMs;

    /// <summary>Whether this commit carries the time; true for one caller in each span.</summary>
    public bool IsDue(out DateTimeOffset now)
    {
        now = time.GetUtcNow();
        var ms = now.ToUnixTimeMilliseconds();
        var last = Volatile.Read(ref _lastMs);
        // A clock that was set back counts too.
        return Math.Abs(ms - last) >= Resolution.TotalMilliseconds && Interlocked.CompareExchange(ref _lastMs, ms, last) == last;
    }

    public static ByteString Encode(DateTimeOffset time) =>
        ByteString.CopyFromUtf8(time.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture));

    public static DateTimeOffset Decode(ByteString value) =>
        DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(Encoding.ASCII.GetString(value.Span), CultureInfo.InvariantCulture));
}
