using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Gantry.Linux.Trees;
using Gantry.Monitor;

namespace Gantry.Engine.Logs;

/// <summary>
/// Reads a json-file log with its rotated predecessors (path.1 is the newest of them), forwards, and follows it. A follower
/// holds the file that it reads open, so a rotation loses nothing: it finishes that file and goes on with the next one.
/// </summary>
internal sealed class LogFile(string path)
{
    private const int ChunkSize = 32 * 1024;
    // A follower looks for new output this often: at once after output, less often when nothing comes.
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// The entries that a query asks for. <paramref name="ended"/> completes when nothing more will be written; a follower
    /// then reads to the end and stops.
    /// </summary>
    internal async IAsyncEnumerable<LogEntry> ReadAsync(
        LogQuery query, Task ended, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Position? position = Start(query.Tail);
        TimeSpan pause = s_shortestPause;
        LineSplitter lines = new();
        byte[] chunk = new byte[ChunkSize];
        try
        {
            while (true)
            {
                // Asked before reading: what is written before the end is read after.
                bool last = ended.IsCompleted || !query.Follow;
                position ??= Open(0);
                int count = position is null ? 0 : await position.File.ReadAsync(chunk, cancellationToken).ConfigureAwait(false);
                if (count > 0)
                {
                    pause = s_shortestPause;
                    foreach (LogEntry entry in lines.Split(chunk.AsMemory(0, count)))
                    {
                        if (query.Until is { } until && entry.Time >= until)
                        {
                            yield break;
                        }

                        if ((query.Since is null || entry.Time >= query.Since) && (entry.Stream == StdStream.Stderr ? query.Stderr : query.Stdout))
                        {
                            yield return entry;
                        }
                    }

                    continue;
                }

                if (position is not null && Next(position) is { } next)
                {
                    await position.File.DisposeAsync().ConfigureAwait(false);
                    position = next;
                    continue;
                }

                if (last || (query.Until is { } end && DateTimeOffset.UtcNow >= end))
                {
                    yield break;
                }

                await Task.WhenAny(ended, Task.Delay(pause, cancellationToken)).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
            }
        }
        finally
        {
            position?.File.Dispose();
        }
    }

    private sealed record Position(FileStream File, ulong Inode);

    private string PathOf(int generation) => generation == 0 ? path : $"{path}.{generation.ToString(CultureInfo.InvariantCulture)}";

    private int OldestGeneration()
    {
        int generation = 0;
        while (File.Exists(PathOf(generation + 1)))
        {
            generation++;
        }

        return generation;
    }

    private Position? Open(int generation)
    {
        try
        {
            FileStream file = new(PathOf(generation), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            return new Position(file, Inode(generation));
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private ulong Inode(int generation)
    {
        using Tree directory = Tree.Open(Path.GetDirectoryName(path)!);
        return directory.TryStat(Path.GetFileName(PathOf(generation)))?.Inode ?? 0;
    }

    /// <summary>The file after one that was read to its end, or null when it is still the current one.</summary>
    private Position? Next(Position position)
    {
        if (Inode(0) == position.Inode || !File.Exists(path))
        {
            return null;
        }

        int generation = OldestGeneration();
        while (generation > 0 && Inode(generation) != position.Inode)
        {
            generation--;
        }

        // Not found: it was rotated away altogether, so the oldest that is left is next.
        return Open(generation > 0 ? generation - 1 : OldestGeneration());
    }

    /// <summary>Where reading starts: at the oldest file, or so many lines before the end.</summary>
    private Position? Start(int tail)
    {
        int generation = OldestGeneration();
        if (tail < 0)
        {
            return Open(generation);
        }

        long missing = tail;
        for (int current = 0; current <= generation; current++)
        {
            if (Open(current) is not { } position)
            {
                return null;
            }

            missing = SeekBack(position.File, missing);
            if (missing == 0 || current == generation)
            {
                return position;
            }

            position.File.Dispose();
        }

        return null;
    }

    /// <summary>Moves to the beginning of the last so many lines; returns how many the file lacks.</summary>
    private static long SeekBack(FileStream file, long lines)
    {
        long position = file.Length;
        if (lines == 0)
        {
            file.Position = position;
            return 0;
        }

        byte[] chunk = new byte[ChunkSize];
        // The last line's own end does not count; a line that is being written does.
        long wanted = lines + 1;
        bool first = true;
        while (position > 0)
        {
            int size = (int)Math.Min(ChunkSize, position);
            position -= size;
            file.Position = position;
            file.ReadExactly(chunk, 0, size);
            if (first && chunk[size - 1] != '\n')
            {
                wanted--;
            }

            first = false;
            for (int index = size - 1; index >= 0; index--)
            {
                if (chunk[index] == '\n' && --wanted == 0)
                {
                    file.Position = position + index + 1;
                    return 0;
                }
            }
        }

        file.Position = 0;
        return Math.Max(0, wanted - 1);
    }

    /// <summary>Cuts chunks into lines and decodes them; keeps an unfinished line for the next chunk.</summary>
    private sealed class LineSplitter
    {
        private readonly ArrayBufferWriter<byte> _rest = new();

        internal IEnumerable<LogEntry> Split(ReadOnlyMemory<byte> chunk)
        {
            while (chunk.Span.IndexOf((byte)'\n') is >= 0 and int end)
            {
                LogEntry? entry;
                if (_rest.WrittenCount > 0)
                {
                    _rest.Write(chunk.Span[..end]);
                    entry = Decode(_rest.WrittenSpan);
                    _rest.ResetWrittenCount();
                }
                else
                {
                    entry = Decode(chunk.Span[..end]);
                }

                chunk = chunk[(end + 1)..];
                if (entry is not null)
                {
                    yield return entry;
                }
            }

            _rest.Write(chunk.Span);
        }

        private static LogEntry? Decode(ReadOnlySpan<byte> line)
        {
            Utf8JsonReader reader = new(line);
            byte[] text = [];
            StdStream stream = StdStream.Stdout;
            string time = "";
            try
            {
                reader.Read();
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    char name = (char)reader.ValueSpan[0];
                    reader.Read();
                    switch (name)
                    {
                        case 'l':
                            byte[] buffer = new byte[reader.ValueSpan.Length];
                            text = buffer[..reader.CopyString(buffer)];
                            break;
                        case 's':
                            stream = reader.ValueTextEquals("stderr"u8) ? StdStream.Stderr : StdStream.Stdout;
                            break;
                        case 't':
                            time = reader.GetString()!;
                            break;
                    }
                }

                return new LogEntry(stream, DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal), time, text);
            }
            catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
            {
                // Half a line that a machine's crash left behind.
                return null;
            }
        }
    }
}
