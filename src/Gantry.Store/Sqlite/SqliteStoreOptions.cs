using Gantry.Faults;
using Gantry.Store.Sqlite.Commits;

namespace Gantry.Store.Sqlite;

/// <summary>How a <see cref="SqliteStore"/> keeps its past.</summary>
/// <param name="Path">The database file; its directory is created.</param>
public sealed record SqliteStoreOptions(string Path)
{
    /// <summary>
    /// The window: what is younger than this can be read and watched from. Five minutes is the API server's default for etcd.
    /// </summary>
    public TimeSpan WindowAge { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The most commits of the window, whatever their age: a bound on memory.</summary>
    public int WindowCommits { get; init; } = 10_000;

    /// <summary>How far <see cref="IStoreHistory"/> reaches back; zero for a store without history.</summary>
    public TimeSpan HistorySpan { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The most bytes of history, whatever its age. What snapshots need counts, and stays even if it is more.</summary>
    public long HistoryBytes { get; init; } = 1L << 30;

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>The file system that the log of commits is in.</summary>
    internal ILogFiles LogFiles { get; init; } = SystemLogFiles.Instance;

    /// <summary>The file of history beside the store's: cluster.db has cluster-history.db.</summary>
    public string HistoryPath => HistoryPathOf(Path);

    /// <summary>Where the history of a store's file is.</summary>
    public static string HistoryPathOf(string path) => System.IO.Path.Combine(
        System.IO.Path.GetDirectoryName(path) ?? "", System.IO.Path.GetFileNameWithoutExtension(path) + "-history" + System.IO.Path.GetExtension(path));

    internal void Validate()
    {
        var errors = new List<string>();
        Require(errors, Path.Length > 0, $"{nameof(Path)} is empty; name a file");
        Require(errors, WindowAge >= TimeSpan.Zero, $"{nameof(WindowAge)} is {WindowAge}; it must not be negative");
        Require(errors, WindowCommits > 0, $"{nameof(WindowCommits)} is {WindowCommits}; it must be at least 1");
        Require(errors, HistorySpan >= TimeSpan.Zero, $"{nameof(HistorySpan)} is {HistorySpan}; it must not be negative");
        Require(errors, HistoryBytes >= 1 << 20, $"{nameof(HistoryBytes)} is {HistoryBytes}; it must be at least 1048576");
        if (errors.Count > 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, string.Join("; ", errors));
        }
    }

    private static void Require(List<string> errors, bool holds, string otherwise)
    {
        if (!holds)
        {
            errors.Add(otherwise);
        }
    }
}
