using Gantry.Monitor;

namespace Gantry.Engine.Logs;

/// <summary>One entry of a container's log: the raw bytes with their line end, and when they were written (RFC 3339 as stored).</summary>
public sealed record LogEntry(StdStream Stream, DateTimeOffset Time, string TimeText, ReadOnlyMemory<byte> Line);

/// <summary>Which entries are asked for.</summary>
public sealed record LogQuery
{
    /// <summary>Only the last so many; negative: all.</summary>
    public int Tail { get; init; } = -1;

    /// <summary>Entries at or after this time.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Entries before this time.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>With standard output.</summary>
    public bool Stdout { get; init; } = true;

    /// <summary>With standard error.</summary>
    public bool Stderr { get; init; } = true;

    /// <summary>Goes on with new entries until the container has ended.</summary>
    public bool Follow { get; init; }
}
