using System.Buffers.Text;
using System.Text;
using Gantry.Monitor;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Monitor;

/// <summary>
/// The json-file log of one container. Output is cut into lines; each becomes one JSON object, and what is complete is
/// written with one write(2) for each chunk of output, so that a reader never sees half of an entry of ours followed by
/// another's. A failing disk costs log lines, never the container.
/// </summary>
internal sealed class JsonLog : IDisposable
{
    /// <summary>A longer line is split, as the Docker engine does.</summary>
    private const int MaxLine = 16 * 1024;

    /// <summary>Bytes of entries that are collected before they are written.</summary>
    private const int MaxBatch = 32 * 1024;

    private readonly string _path;
    private readonly long _maxSize;
    private readonly int _maxFiles;
    private readonly byte[][] _partial = [[], [], []];
    private readonly int[] _partialLength = new int[3];
    private FileDescriptor? _file;
    private long _size;
    private byte[] _output = new byte[4096];
    private int _length;

    public JsonLog(string path, long maxSize, int maxFiles)
    {
        (_path, _maxSize, _maxFiles) = (path, maxSize, Math.Max(1, maxFiles));
        Open();
    }

    /// <summary>Appends output of a stream; an unfinished line waits for its rest.</summary>
    public void Append(StdStream stream, ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            var end = data.IndexOf((byte)'\n');
            var line = end < 0 ? data : data[..(end + 1)];
            data = data[line.Length..];
            AppendLine(stream, line);
        }
        Flush();
    }

    /// <summary>Writes what is left of a stream's unfinished line.</summary>
    public void Finish(StdStream stream)
    {
        var index = (int)stream;
        if (_partialLength[index] > 0)
        {
            Encode(stream, _partial[index].AsSpan(0, _partialLength[index]));
            _partialLength[index] = 0;
            Flush();
        }
        _partial[index] = [];
    }

    /// <summary>Opens the file again by its path.</summary>
    public void Reopen()
    {
        _file?.Dispose();
        Open();
    }

    public void Dispose() => _file?.Dispose();

    private void AppendLine(StdStream stream, ReadOnlySpan<byte> line)
    {
        var index = (int)stream;
        while (_partialLength[index] + line.Length > MaxLine)
        {
            var part = MaxLine - _partialLength[index];
            Hold(index, line[..part]);
            line = line[part..];
            Encode(stream, _partial[index].AsSpan(0, _partialLength[index]));
            _partialLength[index] = 0;
        }
        if (line.Length > 0 && line[^1] == '\n' && _partialLength[index] == 0)
        {
            Encode(stream, line);
            return;
        }
        Hold(index, line);
        if (line.Length > 0 && line[^1] == '\n')
        {
            Encode(stream, _partial[index].AsSpan(0, _partialLength[index]));
            _partialLength[index] = 0;
        }
    }

    private void Hold(int index, ReadOnlySpan<byte> part)
    {
        var length = _partialLength[index] + part.Length;
        if (_partial[index].Length < length)
        {
            Array.Resize(ref _partial[index], Math.Min(MaxLine, Math.Max(256, length * 2)));
        }
        part.CopyTo(_partial[index].AsSpan(_partialLength[index]));
        _partialLength[index] = length;
    }

    private void Encode(StdStream stream, ReadOnlySpan<byte> line)
    {
        var start = _length;
        Put("{\"log\":\""u8);
        PutEscaped(line);
        Put(stream == StdStream.Stderr ? "\",\"stream\":\"stderr\",\"time\":\""u8 : "\",\"stream\":\"stdout\",\"time\":\""u8);
        Span<byte> time = stackalloc byte[40];
        Utf8Formatter.TryFormat(DateTime.UtcNow, time, out var written, 'O');
        Put(time[..written]);
        Put("\"}\n"u8);
        if (_length >= MaxBatch || (_maxSize > 0 && _size + _length > _maxSize))
        {
            // What came before this entry belongs to the present file, this entry perhaps to the next.
            Write(_output.AsSpan(0, start));
            Write(_output.AsSpan(start, _length - start));
            _length = 0;
        }
    }

    private void PutEscaped(ReadOnlySpan<byte> line)
    {
        while (line.Length > 0)
        {
            var plain = line.IndexOfAnyExceptInRange((byte)0x20, (byte)0x7e);
            plain = plain < 0 ? line.Length : plain;
            var special = line[..plain].IndexOfAny("\"\\<>&"u8);
            plain = special < 0 ? plain : special;
            Put(line[..plain]);
            line = line[plain..];
            if (line.Length > 0)
            {
                line = line[PutSpecial(line)..];
            }
        }
    }

    /// <summary>Writes one character that JSON escapes or that is not ASCII; returns how many bytes it took.</summary>
    private int PutSpecial(ReadOnlySpan<byte> line)
    {
        var first = line[0];
        switch (first)
        {
            case (byte)'\n':
                Put("\\n"u8);
                return 1;
            case (byte)'\r':
                Put("\\r"u8);
                return 1;
            case (byte)'\t':
                Put("\\t"u8);
                return 1;
            case (byte)'"' or (byte)'\\':
                Put([(byte)'\\', first]);
                return 1;
            case < 0x20 or 0x7f or (byte)'<' or (byte)'>' or (byte)'&':
                ReadOnlySpan<byte> digits = "0123456789abcdef"u8;
                Put([(byte)'\\', (byte)'u', (byte)'0', (byte)'0', digits[first >> 4], digits[first & 15]]);
                return 1;
            default:
                var status = Rune.DecodeFromUtf8(line, out var rune, out var consumed);
                if (status != System.Buffers.OperationStatus.Done)
                {
                    Put("\\ufffd"u8);
                }
                else if (rune.Value is 0x2028 or 0x2029)
                {
                    Put(rune.Value == 0x2028 ? "\\u2028"u8 : "\\u2029"u8);
                }
                else
                {
                    Put(line[..consumed]);
                }
                return consumed;
        }
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        if (_length + bytes.Length > _output.Length)
        {
            Array.Resize(ref _output, Math.Max(_output.Length * 2, _length + bytes.Length));
        }
        bytes.CopyTo(_output.AsSpan(_length));
        _length += bytes.Length;
    }

    private void Flush()
    {
        Write(_output.AsSpan(0, _length));
        _length = 0;
    }

    private void Write(ReadOnlySpan<byte> entries)
    {
        if (entries.Length == 0)
        {
            return;
        }
        try
        {
            if (_maxSize > 0 && _size > 0 && _size + entries.Length > _maxSize)
            {
                Rotate();
            }
            Unistd.WriteAll(_file!.Number, entries, _path);
            _size += entries.Length;
        }
        catch (LinuxException e)
        {
            CommandOutput.Warn($"log: {e.Message}");
        }
    }

    private void Rotate()
    {
        _file!.Dispose();
        for (var number = _maxFiles - 1; number >= 1; number--)
        {
            var from = number == 1 ? _path : $"{_path}.{number - 1}";
            if (SysStat.TryStatus(Fcntl.AT_FDCWD, from, false, out _) == 0)
            {
                Unistd.Rename(from, $"{_path}.{number}");
            }
        }
        if (_maxFiles == 1)
        {
            Unistd.Unlink(_path);
        }
        Open();
    }

    private void Open()
    {
        _file = Fcntl.Open(_path, Fcntl.O_WRONLY | Fcntl.O_CREAT | Fcntl.O_APPEND, 0x1A0);
        _size = (long)SysStat.Status(_file.Number).Size;
    }
}
