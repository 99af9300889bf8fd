using System.Globalization;
using System.Text;
using Gantry.Faults;

namespace Gantry.Runtime.Systemd;

/// <summary>
/// Properties of the unit that annotations name: org.systemd.property.NAME with a value in GVariant's text form, of which basic
/// types and arrays of one are known: true, 5, uint64 5, 1.5, 'text', ['a', 'b'], @as [].
/// </summary>
internal ref struct PropertyText(string annotation, string text)
{
    public const string Prefix = "org.systemd.property.";

    /// <summary>Names of basic types before a value, with their signatures.</summary>
    private static readonly Dictionary<string, char> Types = new()
    {
        ["boolean"] = 'b',
        ["byte"] = 'y',
        ["int16"] = 'n',
        ["uint16"] = 'q',
        ["int32"] = 'i',
        ["uint32"] = 'u',
        ["int64"] = 'x',
        ["uint64"] = 't',
        ["double"] = 'd',
        ["string"] = 's',
        ["objectpath"] = 'o',
        ["signature"] = 'g',
    };

    private int _at;

    /// <summary>The properties of a container's annotations, in the order of their names.</summary>
    public static List<UnitProperty> Read(IReadOnlyDictionary<string, string>? annotations)
    {
        List<UnitProperty> result = [];
        foreach (var (key, value) in (annotations ?? new Dictionary<string, string>()).OrderBy(static item => item.Key, StringComparer.Ordinal))
        {
            if (key.StartsWith(Prefix, StringComparison.Ordinal))
            {
                result.Add(Read(key, value));
            }
        }
        return result;
    }

    private static UnitProperty Read(string annotation, string text)
    {
        var name = annotation[Prefix.Length..];
        if (name.Length < 3 || !name.All(char.IsAsciiLetter))
        {
            throw new FaultException(
                FaultKind.InvalidArgument, $"annotations.{annotation}: \"{name}\" is not the name of a unit's property, as TimeoutStopUSec");
        }
        var reader = new PropertyText(annotation, text);
        var (signature, value) = reader.Value();
        reader.SkipSpaces();
        if (reader._at < text.Length)
        {
            throw reader.Bad();
        }
        // systemd's own files say TimeoutStopSec=5; the property on the bus is in microseconds.
        if (name.EndsWith("Sec", StringComparison.Ordinal) && !name.EndsWith("USec", StringComparison.Ordinal))
        {
            var seconds = value is bool or string or IReadOnlyList<object>
                ? throw new FaultException(FaultKind.InvalidArgument, $"annotations.{annotation}: {text}: must be a number of seconds")
                : Convert.ToDouble(value, CultureInfo.InvariantCulture);
            var whole = seconds >= 0 && seconds < 1e13
                ? (ulong)(seconds * 1e6)
                : throw new FaultException(FaultKind.InvalidArgument, $"annotations.{annotation}: {text}: must be a number of seconds");
            return UnitProperty.Of(name[..^"Sec".Length] + "USec", whole);
        }
        return new UnitProperty(name, signature, value);
    }

    private (string Signature, object Value) Value()
    {
        SkipSpaces();
        string? type = null;
        if (Next == '@')
        {
            _at++;
            type = Word(static c => c is not ' ');
            SkipSpaces();
        }
        else if (char.IsAsciiLetter(Next))
        {
            var start = _at;
            var word = Word(char.IsAsciiLetterOrDigit);
            if (word is "true" or "false")
            {
                return ("b", word == "true");
            }
            if (!Types.TryGetValue(word, out var named))
            {
                _at = start;
                throw Bad();
            }
            type = $"{named}";
            SkipSpaces();
        }
        return Next == '[' ? Array(type) : Basic(type);
    }

    private (string Signature, object Value) Array(string? type)
    {
        if (type is not (null or ['a', not 'a', ..]) || type?.Length > 2)
        {
            throw Bad();
        }
        List<object> items = [];
        var element = type?[1..];
        _at++;
        SkipSpaces();
        while (Next != ']')
        {
            if (items.Count > 0)
            {
                Expect(',');
                SkipSpaces();
            }
            var (found, value) = element is null ? Value() : Basic(element);
            if (found.Length != 1 || (element is not null && found != element))
            {
                throw Bad();
            }
            element = found;
            items.Add(value);
            SkipSpaces();
        }
        _at++;
        if (element is null)
        {
            throw Bad();
        }
        return ("a" + element, element == "y" ? items.ConvertAll(static item => (byte)item).ToArray() : items);
    }

    private (string Signature, object Value) Basic(string? type)
    {
        if (Next is '\'' or '"')
        {
            var text = Quoted();
            return type is null or "s" or "o" or "g" ? (type ?? "s", text) : throw Bad();
        }
        var word = Word(static c => c is not (' ' or ',' or ']'));
        type ??= word.Contains('.') && !word.StartsWith("0x", StringComparison.Ordinal) ? "d" : "i";
        object? value = type switch
        {
            "b" => word switch { "true" => true, "false" => false, _ => null },
            "d" => double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) ? real : null,
            _ => Number(type, word),
        };
        return (type, value ?? throw Bad());
    }

    private static object? Number(string type, string word)
    {
        var negative = word.StartsWith('-');
        var digits = word.TrimStart('-', '+');
        var style = NumberStyles.None;
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            digits = digits[2..];
            style = NumberStyles.AllowHexSpecifier;
        }
        if (!UInt128.TryParse(digits, style, CultureInfo.InvariantCulture, out var size) || size > ulong.MaxValue)
        {
            return null;
        }
        var number = negative ? -(Int128)size : (Int128)size;
        return type switch
        {
            "y" when number >= 0 && number <= byte.MaxValue => (byte)number,
            "n" when number >= short.MinValue && number <= short.MaxValue => (short)number,
            "q" when number >= 0 && number <= ushort.MaxValue => (ushort)number,
            "i" when number >= int.MinValue && number <= int.MaxValue => (int)number,
            "u" when number >= 0 && number <= uint.MaxValue => (uint)number,
            "x" when number >= long.MinValue && number <= long.MaxValue => (long)number,
            "t" when number >= 0 => (ulong)number,
            _ => null,
        };
    }

    private string Quoted()
    {
        var quote = text[_at++];
        var result = new StringBuilder();
        while (Next != quote)
        {
            if (Next == '\0')
            {
                throw Bad();
            }
            if (Next == '\\')
            {
                _at++;
                result.Append(Next switch { 'n' => '\n', 't' => '\t', var other => other });
            }
            else
            {
                result.Append(Next);
            }
            _at++;
        }
        _at++;
        return result.ToString();
    }

    private readonly char Next => _at < text.Length ? text[_at] : '\0';

    private string Word(Func<char, bool> belongs)
    {
        var start = _at;
        while (_at < text.Length && belongs(text[_at]))
        {
            _at++;
        }
        return _at > start ? text[start.._at] : throw Bad();
    }

    private void SkipSpaces()
    {
        while (Next == ' ')
        {
            _at++;
        }
    }

    private void Expect(char wanted)
    {
        if (Next != wanted)
        {
            throw Bad();
        }
        _at++;
    }

    private readonly FaultException Bad() => new(
        FaultKind.InvalidArgument,
        $"annotations.{annotation}: {text}: not a value such as true, uint64 5, 'text' or ['a', 'b'], at character {_at + 1}");
}
