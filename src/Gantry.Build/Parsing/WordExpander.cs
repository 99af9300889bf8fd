using System.Text;
using Gantry.Faults;
using Gantry.Images.Catalog;

namespace Gantry.Build.Parsing;

/// <summary>
/// Expands <c>$name</c> and <c>${name...}</c> and removes quotes and escapes from one word, by the rules of a POSIX shell that the
/// Dockerfile reference names: <c>:- - :+ + :? ? # ## % %% / //</c>.
/// </summary>
internal sealed class WordExpander
{
    private readonly char _escape;
    private readonly Func<string, string?> _lookup;
    private readonly bool _keepQuotes;
    private string _text = "";
    private int _at;

    /// <summary>Expands with a lookup. With <paramref name="keepQuotes"/> only variables are replaced (for here-documents).</summary>
    public WordExpander(char escape, Func<string, string?> lookup, bool keepQuotes = false)
    {
        _escape = escape;
        _lookup = lookup;
        _keepQuotes = keepQuotes;
    }

    /// <summary>Expands a word to one word. <c>InvalidArgument</c> for malformed substitutions.</summary>
    public string Expand(string word)
    {
        (_text, _at) = (word, 0);
        return Until('\0');
    }

    /// <summary>Expands a word; unquoted blanks in the result part it into words.</summary>
    public IReadOnlyList<string> ExpandWords(string word) => word.AsSpan().ContainsAny('"', '\'') || !word.Contains('$', StringComparison.Ordinal)
        ? [Expand(word)]
        : Expand(word).Split([' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries);

    private string Until(char stop)
    {
        var result = new StringBuilder();
        while (_at < _text.Length && (stop == '\0' || _text[_at] != stop))
        {
            var c = _text[_at];
            switch (c)
            {
                case '\'' when !_keepQuotes:
                    Single(result);
                    break;
                case '"' when !_keepQuotes:
                    Double(result);
                    break;
                case '$':
                    _at++;
                    result.Append(Variable());
                    break;
                default:
                    Plain(c, result);
                    break;
            }
        }
        if (stop != '\0' && _at >= _text.Length)
        {
            throw Malformed($"unexpected end of statement while looking for matching '{stop}'");
        }
        return result.ToString();
    }

    private void Plain(char c, StringBuilder result)
    {
        if (c != _escape)
        {
            result.Append(c);
            _at++;
            return;
        }
        var next = _at + 1 < _text.Length ? _text[_at + 1] : '\0';
        if (_keepQuotes && next != '$')
        {
            result.Append(c);
            _at++;
            return;
        }
        _at++;
        if (next != '\0')
        {
            result.Append(next);
            _at++;
        }
    }

    private void Single(StringBuilder result)
    {
        var end = _text.IndexOf('\'', _at + 1);
        if (end < 0)
        {
            throw Malformed("unexpected end of statement while looking for matching single-quote");
        }
        result.Append(_text, _at + 1, end - _at - 1);
        _at = end + 1;
    }

    private void Double(StringBuilder result)
    {
        _at++;
        while (_at < _text.Length)
        {
            var c = _text[_at];
            if (c == '"')
            {
                _at++;
                return;
            }
            if (c == '$')
            {
                _at++;
                result.Append(Variable());
            }
            else if (c == _escape && _at + 1 < _text.Length)
            {
                var next = _text[_at + 1];
                // Inside double quotes only these are special after the escape character.
                if (next != '"' && next != '$' && next != _escape)
                {
                    result.Append(c);
                }
                result.Append(next);
                _at += 2;
            }
            else
            {
                result.Append(c);
                _at++;
            }
        }
        throw Malformed("unexpected end of statement while looking for matching double-quote");
    }

    // After the "$".
    private string Variable()
    {
        if (_at >= _text.Length)
        {
            return "$";
        }
        if (_text[_at] == '{')
        {
            _at++;
            return Braced();
        }
        var name = Name();
        return name.Length == 0 ? "$" : _lookup(name) ?? "";
    }

    private string Braced()
    {
        var name = Name();
        if (name.Length == 0 || _at >= _text.Length)
        {
            throw Malformed(name.Length == 0 ? "bad substitution" : "syntax error: missing '}'");
        }
        var value = _lookup(name);
        var operation = _text[_at++];
        if (operation == '}')
        {
            return value ?? "";
        }
        var colon = operation == ':';
        if (colon)
        {
            operation = _at < _text.Length ? _text[_at++] : throw Malformed("syntax error: missing '}'");
        }
        var isSet = colon ? !string.IsNullOrEmpty(value) : value is not null;
        switch (operation)
        {
            case '-':
                return isSet ? Skip(value!) : Word();
            case '+':
                var alternative = Word();
                return isSet ? alternative : "";
            case '?':
                var message = Word();
                return isSet ? value! : throw Malformed($"{name}: {(message.Length > 0 ? message : "not allowed to be unset")}");
            case '#' or '%' when !colon:
                return Trim(value ?? "", operation);
            case '/' when !colon:
                return Replace(value ?? "");
            default:
                throw Malformed($"unsupported modifier ({operation}) in substitution");
        }
    }

    private string Skip(string value)
    {
        _ = Word();
        return value;
    }

    // The rest up to the closing brace, expanded.
    private string Word()
    {
        var word = Until('}');
        _at++;
        return word;
    }

    private string Trim(string value, char side)
    {
        var greedy = _at < _text.Length && _text[_at] == side;
        if (greedy)
        {
            _at++;
        }
        var pattern = Word();
        var lengths = Enumerable.Range(0, value.Length + 1);
        foreach (var length in greedy ? lengths.Reverse() : lengths)
        {
            var part = side == '#' ? value.AsSpan(0, length) : value.AsSpan(value.Length - length);
            if (MatchesAcrossSlashes(pattern, part))
            {
                return side == '#' ? value[length..] : value[..^length];
            }
        }
        return value;
    }

    private string Replace(string value)
    {
        var all = _at < _text.Length && _text[_at] == '/';
        if (all)
        {
            _at++;
        }
        var pattern = Until('/');
        _at++;
        var replacement = Word();
        var result = new StringBuilder();
        for (var i = 0; i < value.Length;)
        {
            var length = Enumerable.Range(1, value.Length - i).Reverse().FirstOrDefault(n => MatchesAcrossSlashes(pattern, value.AsSpan(i, n)));
            if (length == 0)
            {
                result.Append(value[i++]);
                continue;
            }
            result.Append(replacement);
            i += length;
            if (!all)
            {
                return result.Append(value, i, value.Length - i).ToString();
            }
        }
        return result.ToString();
    }

    // A shell's "*" matches slashes here, a path's does not.
    private static bool MatchesAcrossSlashes(string pattern, ReadOnlySpan<char> text) =>
        Glob.IsMatch(pattern.Replace('/', '\u0001'), text.ToString().Replace('/', '\u0001'));

    private string Name()
    {
        var start = _at;
        if (_at < _text.Length && (char.IsAsciiDigit(_text[_at]) || _text[_at] is '@' or '*' or '#'))
        {
            _at++; // positional parameters exist in shells only; they expand to nothing
            return _text[start.._at];
        }
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] == '_'))
        {
            _at++;
        }
        return _text[start.._at];
    }

    private FaultException Malformed(string reason) => new(FaultKind.InvalidArgument, $"failed to process \"{_text}\": {reason}");
}
