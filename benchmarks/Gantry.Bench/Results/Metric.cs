using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gantry.Bench.Results;

/// <summary>One metric: its values in the order taken, and the peer's where one was measured in the same run.</summary>
internal sealed record Metric(string Name, string Unit, IReadOnlyList<double> Values)
{
    // For a terminal and for jq, not for a page: a plus sign stays one.
    private static readonly JsonWriterOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The most that the median may be; null where nothing was promised.</summary>
    public double? Target { get; init; }

    /// <summary>The least that the median may be, where more is better.</summary>
    public double? TargetAtLeast { get; init; }

    /// <summary>The least that the median may be as a multiple of the peer's, where more is better.</summary>
    public double? RatioAtLeast { get; init; }

    /// <summary>The most that the median may be as a share of the peer's.</summary>
    public double? RatioTarget { get; init; }

    public string? Peer { get; init; }

    public IReadOnlyList<double> PeerValues { get; init; } = [];

    /// <summary>What one has to know to read the number, for example why there is no peer.</summary>
    public string? Note { get; init; }

    /// <summary>The metric as one line of JSON without its end.</summary>
    public string ToJson()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, s_plain))
        {
            writer.WriteStartObject();
            writer.WriteString("metric", Name);
            writer.WriteString("unit", Unit);
            writer.WriteNumber("median", Rounded(Statistics.Median(Values)));
            writer.WriteNumber("least", Rounded(Values.Min()));
            writer.WriteNumber("most", Rounded(Values.Max()));
            writer.WriteNumber("runs", Values.Count);
            if (Target is { } target)
            {
                writer.WriteNumber("target", target);
            }

            if (TargetAtLeast is { } least)
            {
                writer.WriteNumber("targetAtLeast", least);
            }

            if (Peer is not null && PeerValues.Count > 0)
            {
                WritePeer(writer, Peer);
            }

            if (Note is not null)
            {
                writer.WriteString("note", Note);
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private void WritePeer(Utf8JsonWriter writer, string peer)
    {
        var median = Statistics.Median(PeerValues);
        writer.WriteStartObject("peer");
        writer.WriteString("name", peer);
        writer.WriteNumber("median", Rounded(median));
        writer.WriteNumber("least", Rounded(PeerValues.Min()));
        writer.WriteNumber("runs", PeerValues.Count);
        writer.WriteEndObject();
        writer.WriteNumber("ratio", Rounded(Statistics.Median(Values) / median));
        if (RatioTarget is { } ratio)
        {
            writer.WriteNumber("ratioTarget", Rounded(ratio));
        }

        if (RatioAtLeast is { } multiple)
        {
            writer.WriteNumber("ratioAtLeast", Rounded(multiple));
        }
    }

    private static double Rounded(double value) => Math.Round(value, 3);
}
