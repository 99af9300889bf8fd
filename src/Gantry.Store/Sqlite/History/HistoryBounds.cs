namespace Gantry.Store.Sqlite.History;

/// <summary>What the file of history holds: all states from <c>Floor</c> on; rows superseded up to <c>Through</c> are in it.</summary>
internal sealed record HistoryBounds(long Floor, long FloorMs, long Through);
