namespace Gantry.Monitor;

/// <summary>
/// A json-file log: lines {"log":"text\n","stream":"stdout","time":"RFC 3339 with nanoseconds"}. A line of output longer
/// than 16 KiB is split into entries of which only the last ends with a newline.
/// </summary>
/// <param name="Path">The log file; it is appended to.</param>
/// <param name="MaxSizeBytes">Size at which the file is renamed to Path.1; 0 is never.</param>
/// <param name="MaxFiles">How many files are kept, the current one included; at least 1.</param>
public sealed record LogTarget(string Path, long MaxSizeBytes = 0, int MaxFiles = 1);
