using System.Globalization;
using System.Text;
using System.Text.Json;
using Gantry.Linux.Native;

namespace Gantry.Runtime;

/// <summary>
/// Writes to descriptors 1 and 2 and to the --log file. The class library's console is left alone: it would start threads
/// and install signal handlers.
/// </summary>
internal static class CommandOutput
{
    private static string? _logPath;
    private static bool _logAsJson;
    private static bool _debug;

    /// <summary>The file is made at once, so that whoever named it finds it, empty when nothing is to be said.</summary>
    public static void SetLog(string? path, bool json, bool debug)
    {
        (_logAsJson, _debug) = (json, debug);
        if (!string.IsNullOrEmpty(path))
        {
            using var file = Fcntl.Open(path, Fcntl.O_WRONLY | Fcntl.O_CREAT | Fcntl.O_APPEND | Fcntl.O_CLOEXEC, 0x1A4);
            _logPath = path;
        }
    }

    public static void Print(string text) => Unistd.WriteAll(1, Encoding.UTF8.GetBytes(text), "standard output");

    public static void Print(ReadOnlySpan<byte> text) => Unistd.WriteAll(1, text, "standard output");

    public static void Warn(string message) => Log("warning", message);

    /// <summary>What --debug adds to the log.</summary>
    public static void Debug(string message)
    {
        if (_debug)
        {
            Log("debug", message);
        }
    }

    /// <summary>Says why the command failed: to the log in its format, and to standard error.</summary>
    public static void Fail(string message)
    {
        if (_logPath is not null || _logAsJson)
        {
            Log("error", message);
        }
        if (_logPath is null && _logAsJson)
        {
            return; // it went to standard error
        }
        WriteQuietly(2, Encoding.UTF8.GetBytes($"gantry-runtime: {message}\n"));
    }

    private static void Log(string level, string message)
    {
        var line = Format(level, message);
        if (_logPath is null)
        {
            WriteQuietly(2, line);
            return;
        }
        var number = Fcntl.TryOpen(_logPath, Fcntl.O_WRONLY | Fcntl.O_CREAT | Fcntl.O_APPEND, 0x1A4);
        if (number < 0)
        {
            WriteQuietly(2, line);
            return;
        }
        using var file = new Linux.FileDescriptor(number);
        WriteQuietly(number, line);
    }

    private static byte[] Format(string level, string message)
    {
        var time = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        if (!_logAsJson)
        {
            return Encoding.UTF8.GetBytes($"time=\"{time}\" level={level} msg=\"{message.Replace("\"", "\\\"")}\"\n");
        }
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("level", level);
            writer.WriteString("msg", message);
            writer.WriteString("time", time);
            writer.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    private static void WriteQuietly(int descriptor, ReadOnlySpan<byte> data)
    {
        try
        {
            Unistd.WriteAll(descriptor, data);
        }
        catch (Linux.LinuxException)
        {
            // Nobody reads what this says: the exit code still tells.
            return;
        }
    }
}
