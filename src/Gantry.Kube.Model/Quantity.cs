using System.Globalization;

namespace Gantry.Kube.Model;

/// <summary>
/// A fixed-point number as Kubernetes writes it: <c>100m</c>, <c>1.5Gi</c>, <c>12e6</c>. Exact to 10^-9 (finer digits round
/// away from zero, as upstream); its text is the canonical form, which keeps the family of the suffix it was read with.
/// Equality and order are those of the number.
/// </summary>
public readonly struct Quantity : IEquatable<Quantity>, IComparable<Quantity>
{
    private const long NanosPerUnit = 1_000_000_000;

    /// <summary>Upstream caps what it reads at 2^63-1 (apimachinery's resource.maxAllowed).</summary>
    private static readonly Int128 MaxNanos = (Int128)long.MaxValue * NanosPerUnit;

    private readonly Int128 _nanos;
    private readonly QuantityFormat _format;

    private Quantity(Int128 nanos, QuantityFormat format)
    {
        _nanos = nanos;
        _format = format;
    }

    /// <summary>A whole number.</summary>
    public static Quantity FromInt64(long value, QuantityFormat format = QuantityFormat.DecimalSI) => new((Int128)value * NanosPerUnit, format);

    /// <summary>A number of thousandths, as CPU is counted.</summary>
    public static Quantity FromMilli(long value, QuantityFormat format = QuantityFormat.DecimalSI) => new((Int128)value * (NanosPerUnit / 1000), format);

    /// <summary>The number, rounded up.</summary>
    public long Value => (long)DivideUp(_nanos, NanosPerUnit);

    /// <summary>The number of thousandths, rounded up.</summary>
    public long MilliValue => Clamp(DivideUp(_nanos, NanosPerUnit / 1000));

    /// <summary>The family of suffixes.</summary>
    public QuantityFormat Format => _format;

    /// <summary>-1, 0 or 1.</summary>
    public int Sign => Int128.Sign(_nanos);

    /// <summary>The number as a floating point number.</summary>
    public double AsDouble => (double)_nanos / NanosPerUnit;

    public static Quantity operator +(Quantity left, Quantity right) => new(left._nanos + right._nanos, left._nanos == 0 ? right._format : left._format);

    public static Quantity operator -(Quantity left, Quantity right) => new(left._nanos - right._nanos, left._nanos == 0 ? right._format : left._format);

    public static bool operator ==(Quantity left, Quantity right) => left._nanos == right._nanos;

    public static bool operator !=(Quantity left, Quantity right) => left._nanos != right._nanos;

    public static bool operator <(Quantity left, Quantity right) => left._nanos < right._nanos;

    public static bool operator >(Quantity left, Quantity right) => left._nanos > right._nanos;

    public static bool operator <=(Quantity left, Quantity right) => left._nanos <= right._nanos;

    public static bool operator >=(Quantity left, Quantity right) => left._nanos >= right._nanos;

    /// <summary>Reads a quantity; throws FormatException with upstream's words for anything else.</summary>
    public static Quantity Parse(string text)
        => TryParse(text, out var quantity)
            ? quantity
            : throw new FormatException("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");

    /// <summary>Reads a quantity.</summary>
    public static bool TryParse(string text, out Quantity quantity)
    {
        quantity = default;
        var span = text.AsSpan().Trim();
        var negative = span.Length > 0 && span[0] == '-';
        if (span.Length > 0 && span[0] is '+' or '-')
        {
            span = span[1..];
        }

        var end = 0;
        var dot = -1;
        for (; end < span.Length && (char.IsAsciiDigit(span[end]) || (span[end] == '.' && dot < 0)); end++)
        {
            dot = span[end] == '.' ? end : dot;
        }

        var digits = dot < 0 ? end : end - 1;
        if (digits == 0 || !TryParseSuffix(span[end..], out var numberBase, out var exponent, out var format))
        {
            return false;
        }

        var nanos = ToNanos(span[..end], dot, numberBase, exponent);
        quantity = new Quantity(negative ? -nanos : nanos, format);
        return true;
    }

    /// <inheritdoc />
    public bool Equals(Quantity other) => _nanos == other._nanos;

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is Quantity other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode() => _nanos.GetHashCode();

    /// <inheritdoc />
    public int CompareTo(Quantity other) => _nanos.CompareTo(other._nanos);

    /// <summary>The canonical form.</summary>
    public override string ToString()
    {
        if (_nanos == 0)
        {
            return "0";
        }

        var whole = _nanos / NanosPerUnit;
        var isBinary = _format == QuantityFormat.BinarySI && _nanos % NanosPerUnit == 0 && Int128.Abs(whole) >= 1024;
        return isBinary ? FormatBinary(whole) : FormatDecimal();
    }

    private static string FormatBinary(Int128 whole)
    {
        var power = 0;
        while (power < 6 && whole % 1024 == 0)
        {
            whole /= 1024;
            power++;
        }

        return whole.ToString(CultureInfo.InvariantCulture) + (power == 0 ? "" : "KMGTPE"[power - 1] + "i");
    }

    private string FormatDecimal()
    {
        var mantissa = _nanos;
        var exponent = -9;
        while (exponent < 18 && mantissa % 1000 == 0)
        {
            mantissa /= 1000;
            exponent += 3;
        }

        var suffix = _format == QuantityFormat.DecimalExponent
            ? (exponent == 0 ? "" : "e" + exponent.ToString(CultureInfo.InvariantCulture))
            : exponent switch { -9 => "n", -6 => "u", -3 => "m", 0 => "", 3 => "k", 6 => "M", 9 => "G", 12 => "T", 15 => "P", _ => "E" };
        return mantissa.ToString(CultureInfo.InvariantCulture) + suffix;
    }

    private static bool TryParseSuffix(ReadOnlySpan<char> suffix, out int numberBase, out int exponent, out QuantityFormat format)
    {
        numberBase = 10;
        format = QuantityFormat.DecimalSI;
        if (suffix.Length == 2 && suffix[1] == 'i')
        {
            numberBase = 2;
            format = QuantityFormat.BinarySI;
            exponent = ("KMGTPE".IndexOf(suffix[0]) + 1) * 10;
            return exponent > 0;
        }

        (var found, exponent) = suffix switch
        {
            "" => (true, 0),
            "n" => (true, -9),
            "u" => (true, -6),
            "m" => (true, -3),
            "k" => (true, 3),
            "M" => (true, 6),
            "G" => (true, 9),
            "T" => (true, 12),
            "P" => (true, 15),
            "E" => (true, 18),
            _ => (false, 0),
        };
        if (found)
        {
            return true;
        }

        format = QuantityFormat.DecimalExponent;
        return suffix.Length > 1 && suffix[0] is 'e' or 'E'
            && int.TryParse(suffix[1..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent);
    }

    private static Int128 ToNanos(ReadOnlySpan<char> number, int dot, int numberBase, int exponent)
    {
        // The value is digits * 10^scale * base^exponent. Decimals: fold the exponent into the scale; binary: multiply.
        var mantissa = System.Numerics.BigInteger.Zero;
        foreach (var c in number)
        {
            mantissa = c == '.' ? mantissa : (mantissa * 10) + (c - '0');
        }

        var scale = 9 - (dot < 0 ? 0 : number.Length - dot - 1);
        if (numberBase == 2)
        {
            mantissa <<= exponent;
        }
        else
        {
            scale += Math.Clamp(exponent, -1000, 1000);
        }

        if (scale >= 0)
        {
            mantissa *= System.Numerics.BigInteger.Pow(10, scale);
        }
        else
        {
            mantissa = System.Numerics.BigInteger.DivRem(mantissa, System.Numerics.BigInteger.Pow(10, -scale), out var rest) + (rest.IsZero ? 0 : 1);
        }

        return mantissa > (System.Numerics.BigInteger)MaxNanos ? MaxNanos : (Int128)mantissa;
    }

    private static Int128 DivideUp(Int128 nanos, long unit)
        => (nanos / unit) + (nanos > 0 && nanos % unit != 0 ? 1 : 0);

    private static long Clamp(Int128 value) => value > long.MaxValue ? long.MaxValue : value < long.MinValue ? long.MinValue : (long)value;
}
