using System.Collections.Concurrent;

namespace Gantry.Store.Tests.Disk;

/// <summary>
/// A directory in memory whose calls can be made to fail, one by one: <see cref="FaultyVfs"/> and <see cref="FaultyLogFiles"/> ask it at each. It
/// counts calls, so that a test can make the first fail, then the second, and so on.
/// </summary>
internal sealed class FaultyDisk : IDisposable
{
    /// <summary>SQLITE_FULL.</summary>
    public const int FullError = 13;

    // SQLITE_IOERR, with the details that SQLite's own file system gives.
    private const int IoError = 10;
    private const int IoErrorRead = IoError | (1 << 8);
    private const int IoErrorSync = IoError | (4 << 8);
    private const int IoErrorWrite = IoError | (3 << 8);
    private const int IoErrorTruncate = IoError | (6 << 8);
    private const int IoErrorDelete = IoError | (10 << 8);
    private const int IoErrorShm = IoError | (19 << 8);
    private const int CantOpen = 14;

    private static readonly ConcurrentDictionary<string, FaultyDisk> s_disks = new();
    private readonly ConcurrentDictionary<string, DiskFile> _files = new();
    private readonly Lock _gate = new();
    private long _calls;
    private (long From, long To, DiskFault Fault, Func<DiskCall, string, bool> Which) _plan;
    private volatile bool _dead;

    public FaultyDisk()
    {
        LogFiles = new FaultyLogFiles(this);
        FaultyVfs.EnsureRegistered();
        Root = System.IO.Path.Combine("/dev/shm", $"gantry-disk-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Root);
        s_disks[Root] = this;
    }

    public string Root { get; }

    /// <summary>The file system that a store here is to use for its log of commits.</summary>
    public FaultyLogFiles LogFiles { get; }

    /// <summary>The power is gone: nothing answers until <see cref="RestorePower"/>.</summary>
    public bool IsDead => _dead;

    /// <summary>Whether a planned fault has happened.</summary>
    public bool Failed { get; private set; }

    public static FaultyDisk? Find(string path) => System.IO.Path.GetDirectoryName(path) is { } directory ? s_disks.GetValueOrDefault(directory) : null;

    /// <summary>
    /// Lets the <paramref name="number"/>th call from now that matches fail (counted from 1), and <paramref name="times"/> - 1 after it. Reads match
    /// only where <paramref name="which"/> says so.
    /// </summary>
    public void Plan(long number, DiskFault fault, Func<DiskCall, string, bool>? which = null, long times = 1)
    {
        lock (_gate)
        {
            _calls = 0;
            Failed = false;
            _plan = (number, times == long.MaxValue ? times : number + times - 1, fault, which ?? ((call, _) => call != DiskCall.Read));
        }
    }

    /// <summary>No further faults.</summary>
    public void Heal()
    {
        lock (_gate)
        {
            _plan = default;
        }
    }

    public int Ask(DiskCall call, string path) => Ask(call, path, out _);

    public int Ask(DiskCall call, string path, out bool torn)
    {
        torn = false;
        lock (_gate)
        {
            if (_dead)
            {
                return Code(call);
            }

            if (_plan.Which is null || !_plan.Which(call, path) || (_plan.Fault == DiskFault.Full && call is DiskCall.Read or DiskCall.Sync or DiskCall.Truncate or DiskCall.Delete))
            {
                return 0;
            }

            _calls++;
            if (_calls < _plan.From || _calls > _plan.To)
            {
                return 0;
            }

            Failed = true;
            _dead = _plan.Fault == DiskFault.Crash;
            torn = _plan.Fault == DiskFault.Torn;
            return _plan.Fault == DiskFault.Full ? (call == DiskCall.Write ? FullError : Code(call)) : Code(call);
        }
    }

    public DiskFile Open(string path) => _files.GetOrAdd(path, added => new DiskFile(this, added));

    public void Deleted(string path) => _files.TryRemove(path, out _);

    /// <summary>The machine starts again: the files are what was synced, and any part of what was not. Nothing may have them open.</summary>
    public void RestorePower(Random random)
    {
        foreach (var (path, file) in _files)
        {
            file.LosePower(random);
            File.Delete(path + "-shm");
        }

        _files.Clear();
        _plan = default;
        _dead = false;
    }

    public void Dispose()
    {
        s_disks.TryRemove(Root, out _);
        Directory.Delete(Root, recursive: true);
    }

    private static int Code(DiskCall call) => call switch
    {
        DiskCall.Open => CantOpen,
        DiskCall.Read => IoErrorRead,
        DiskCall.Write => IoErrorWrite,
        DiskCall.Sync => IoErrorSync,
        DiskCall.Truncate => IoErrorTruncate,
        DiskCall.Delete => IoErrorDelete,
        _ => IoErrorShm,
    };
}
