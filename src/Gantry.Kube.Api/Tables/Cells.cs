using System.Globalization;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Model;

namespace Gantry.Kube.Api.Tables;

/// <summary>Texts of cells, as upstream's printers write them.</summary>
internal static class Cells
{
    public const string None = "<none>";

    public static string Name(JsonMap obj, RowContext context)
    {
        _ = context;
        return obj.Map("metadata")?.Text("name") ?? "";
    }

    public static string Age(JsonMap obj, RowContext context) => Since(obj.Map("metadata")?.Text("creationTimestamp"), context);

    public static string Since(string? time, RowContext context)
        => time is not null && KubeTime.TryParse(time, out var start) ? Duration(context.Now - start) : "<unknown>";

    /// <summary>Upstream's HumanDuration: 45s, 3m20s, 15m, 5h30m, 2d4h, 2y10d.</summary>
    public static string Duration(TimeSpan span)
    {
        var seconds = (long)span.TotalSeconds;
        if (seconds < -1)
        {
            return "<invalid>";
        }

        if (seconds < 0)
        {
            return "0s";
        }

        if (seconds < 120)
        {
            return Text(seconds, "s");
        }

        var minutes = seconds / 60;
        if (minutes < 10)
        {
            return Pair(minutes, "m", seconds % 60, "s");
        }

        if (minutes < 180)
        {
            return Text(minutes, "m");
        }

        var hours = minutes / 60;
        if (hours < 8)
        {
            return Pair(hours, "h", minutes % 60, "m");
        }

        if (hours < 48)
        {
            return Text(hours, "h");
        }

        if (hours < 192)
        {
            return Pair(hours / 24, "d", hours % 24, "h");
        }

        if (hours < 24 * 365 * 2)
        {
            return Text(hours / 24, "d");
        }

        var years = hours / 24 / 365;
        return years < 8 ? Pair(years, "y", hours / 24 % 365, "d") : Text(years, "y");
    }

    public static string OrNone(string? text) => string.IsNullOrEmpty(text) ? None : text;

    public static string Join(IEnumerable<string?> parts) => OrNone(string.Join(',', parts));

    /// <summary>Labels as <c>a=b,c=d</c>.</summary>
    public static string Labels(JsonMap? labels)
        => OrNone(string.Join(',', (labels ?? []).OrderBy(static p => p.Key, StringComparer.Ordinal).Select(static p => $"{p.Key}={p.Value}")));

    /// <summary>A LabelSelector as kubectl shows it.</summary>
    public static string Selector(JsonMap? selector)
        => selector is null ? None
            : OrNone(Model.Selectors.LabelMatcher.From(Strategies.TypedTree.Read<Model.Meta.V1.LabelSelector>(selector)).ToString());

    public static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(long number, string unit) => Number(number) + unit;

    private static string Pair(long number, string unit, long rest, string restUnit)
        => rest == 0 ? Text(number, unit) : Text(number, unit) + Text(rest, restUnit);
}
