namespace Gantry.Store.Sqlite;

/// <summary>A row that is no longer anybody's present, and the revision since which that is so: a deletion's row from its own on.</summary>
internal readonly record struct SupersededRow(long SupersededAt, long Id);
