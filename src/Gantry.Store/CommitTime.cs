namespace Gantry.Store;

/// <summary>When a revision was committed.</summary>
internal readonly record struct CommitTime(long Revision, long TimeMs);
