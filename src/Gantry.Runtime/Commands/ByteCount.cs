using System.Globalization;
using Gantry.Faults;

namespace Gantry.Runtime.Commands;

/// <summary>Sizes as people write them: 64M, 1.5g, 512 KiB; powers of 1024.</summary>
internal static class ByteCount
{
    private const string Units = "bkmgtp";

    /// <summary>The option's value; null when it is not given, -1 for "no limit".</summary>
    public static long? Read(CommandArguments arguments, string name) =>
        arguments.Value(name) is not { Length: > 0 } text ? null
            : text == "-1" ? -1
            : TryParse(text) ?? throw new FaultException(
                FaultKind.InvalidArgument, $"invalid value for {name}: \"{text}\" is not a size such as 64M, or -1");

    internal static long? TryParse(string text)
    {
        var digits = text.AsSpan().TrimEnd("iIbBkKmMgGtTpP ");
        var unit = text.AsSpan(digits.Length).Trim().ToString().ToLowerInvariant();
        var power = unit.Length == 0 ? 0 : Units.IndexOf(unit[0]);
        var isUnit = unit.Length == 0 || (power >= 0 && unit[1..] is "" or "b" or "ib");
        if (!isUnit || !decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value))
        {
            return null;
        }
        for (; power > 0; power--)
        {
            value *= 1024;
        }
        return value <= long.MaxValue ? (long)value : null;
    }
}
