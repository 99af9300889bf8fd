namespace Gantry.Store.Sqlite;

/// <summary>How a <see cref="SqliteStore"/> keeps its history.</summary>
/// <param name="Path">The database file; its directory is created.</param>
public sealed record SqliteStoreOptions(string Path)
{
    /// <summary>History younger than this stays readable. Five minutes is the API server's default for etcd.</summary>
    public TimeSpan HistoryAge { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The most commits that stay readable, whatever their age: a bound on memory.</summary>
    public int HistoryCommits { get; init; } = 10_000;

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
