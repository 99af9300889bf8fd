using System.Globalization;
using System.Text;
using System.Text.Json;
using Gantry.Faults;

namespace Gantry.Monitor;

/// <summary>How a process ended.</summary>
/// <param name="ExitCode">The exit code; 128 + signal when a signal ended it; 255 when the monitor was lost.</param>
/// <param name="Signal">The signal that ended it, or 0.</param>
/// <param name="OomKilled">True when the kernel killed a process of the container for want of memory.</param>
/// <param name="FinishedAt">When, in UTC.</param>
/// <param name="Error">Why the record is not from the process's parent ("the monitor was lost"), or null.</param>
public sealed record ExitRecord(int ExitCode, int Signal, bool OomKilled, DateTimeOffset FinishedAt, string? Error = null)
{
    /// <summary>The record's file name in a state directory.</summary>
    public const string FileName = "exit.json";

    /// <summary>The record as one JSON object.</summary>
    public byte[] ToJson()
    {
        using var stream = new MemoryStream(160);
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteNumber("exitCode", ExitCode);
            writer.WriteNumber("signal", Signal);
            writer.WriteBoolean("oomKilled", OomKilled);
            writer.WriteString("finishedAt", FinishedAt.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
            if (Error is not null)
            {
                writer.WriteString("error", Error);
            }
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }

    /// <summary>Reads a record; throws <see cref="FaultKind.DataLoss"/> when it is damaged.</summary>
    public static ExitRecord Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return ParseObject(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new FaultException(
                FaultKind.DataLoss, $"exit record: not the expected JSON object: {Encoding.UTF8.GetString(json)}", e);
        }
    }

    private static ExitRecord ParseObject(ReadOnlySpan<byte> json)
    {
        var record = new ExitRecord(255, 0, false, DateTimeOffset.UnixEpoch);
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            record = name switch
            {
                "exitCode" => record with { ExitCode = reader.GetInt32() },
                "signal" => record with { Signal = reader.GetInt32() },
                "oomKilled" => record with { OomKilled = reader.GetBoolean() },
                "finishedAt" => record with
                {
                    FinishedAt = DateTimeOffset.Parse(
                        reader.GetString()!, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal),
                },
                "error" => record with { Error = reader.GetString() },
                _ => record,
            };
        }
        return record;
    }
}
