using System.Runtime.InteropServices;

namespace Gantry.Runtime.Tests.Attacks;

/// <summary>
/// Exchanges two paths as fast as it can, as a second container does that has the same volume: a path that was looked at is
/// another one when it is used. Ends when disposed.
/// </summary>
internal sealed partial class PathSwapper : IDisposable
{
    private const int AT_FDCWD = -100;
    private const uint RENAME_EXCHANGE = 2;

    private readonly Thread _thread;
    private volatile bool _ending;
    private long _count;

    public PathSwapper(string first, string second)
    {
        _thread = new Thread(() =>
        {
            while (!_ending)
            {
                if (renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE) == 0)
                {
                    Interlocked.Increment(ref _count);
                }
            }
        });
        _thread.Start();
    }

    /// <summary>How often they were exchanged.</summary>
    public long Count => Interlocked.Read(ref _count);

    public void Dispose()
    {
        _ending = true;
        _thread.Join();
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int renameat2(int oldDirectory, string oldPath, int newDirectory, string newPath, uint flags);
}
