using System.Text;
using System.Text.Json;
using Gantry.Faults;

namespace Gantry.Build.Parsing;

/// <summary>
/// Parses a Dockerfile into instructions: directives, comments, continued lines, flags, JSON forms and here-documents, as the
/// Dockerfile reference describes. Errors name the line.
/// </summary>
internal sealed class DockerfileParser
{
    private static readonly Dictionary<string, InstructionRules> s_rules = new(StringComparer.Ordinal)
    {
        ["ADD"] = new(["chown", "chmod", "checksum", "keep-git-dir", "link"], JsonAllowed: true, HeredocAllowed: true),
        ["ARG"] = new([]),
        ["CMD"] = new([], JsonAllowed: true),
        ["COPY"] = new(["from", "chown", "chmod", "link"], JsonAllowed: true, HeredocAllowed: true),
        ["ENTRYPOINT"] = new([], JsonAllowed: true),
        ["ENV"] = new([]),
        ["EXPOSE"] = new([]),
        ["FROM"] = new(["platform"]),
        ["HEALTHCHECK"] = new(["interval", "timeout", "start-period", "start-interval", "retries"]),
        ["LABEL"] = new([]),
        ["MAINTAINER"] = new([]),
        ["ONBUILD"] = new([], HeredocAllowed: true),
        ["RUN"] = new(["mount", "network", "security"], JsonAllowed: true, HeredocAllowed: true),
        ["SHELL"] = new([], JsonAllowed: true),
        ["STOPSIGNAL"] = new([]),
        ["USER"] = new([]),
        ["VOLUME"] = new([], JsonAllowed: true),
        ["WORKDIR"] = new([]),
    };

    private readonly string[] _lines;
    private int _at;
    private char _escape = '\\';

    private DockerfileParser(string text) => _lines = text.Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n');

    /// <summary>Parses a file's text; <c>InvalidArgument</c> with the line when it is malformed.</summary>
    public static Dockerfile Parse(string text) => new DockerfileParser(text.TrimStart('\ufeff')).ParseAll();

    /// <summary>Parses one instruction, as an ONBUILD trigger holds it.</summary>
    public static Instruction ParseOne(string text, char escape, int line)
    {
        var parser = new DockerfileParser(text) { _escape = escape };
        return parser.Next() is { } instruction
            ? instruction with { Line = line }
            : throw DockerfileFault.At(line, "empty build trigger");
    }

    private Dockerfile ParseAll()
    {
        ParseDirectives();
        var instructions = new List<Instruction>();
        while (Next() is { } instruction)
        {
            instructions.Add(instruction);
        }
        return instructions.Count > 0
            ? new Dockerfile(_escape, instructions)
            : throw new FaultException(FaultKind.InvalidArgument, "file with no instructions");
    }

    // "# name=value" lines before anything else; the first other line ends them.
    private void ParseDirectives()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (; _at < _lines.Length; _at++)
        {
            var line = _lines[_at].Trim();
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            if (!line.StartsWith('#') || equals < 0)
            {
                return;
            }
            var name = line[1..equals].Trim().ToLowerInvariant();
            var value = line[(equals + 1)..].Trim();
            if (name is not ("syntax" or "escape" or "check"))
            {
                return;
            }
            if (!seen.Add(name))
            {
                throw DockerfileFault.At(_at + 1, $"only one {name} parser directive can be used");
            }
            if (name == "escape")
            {
                _escape = value is ['\\'] or ['`'] ? value[0] : throw DockerfileFault.At(_at + 1, $"invalid escape token '{value}' does not match ` or \\");
            }
        }
    }

    private Instruction? Next()
    {
        while (_at < _lines.Length && IsSkipped(_lines[_at]))
        {
            _at++;
        }
        if (_at >= _lines.Length)
        {
            return null;
        }
        var start = _at + 1;
        return Build(Logical(), start);
    }

    private static bool IsSkipped(string line) => line.AsSpan().Trim() is [] or ['#', ..];

    // Joins continued lines; comments and empty lines between them are left out.
    private string Logical()
    {
        var text = new StringBuilder();
        var first = true;
        while (_at < _lines.Length)
        {
            var line = first ? _lines[_at].TrimStart() : _lines[_at];
            _at++;
            if (!first && IsSkipped(line))
            {
                continue;
            }
            first = false;
            if (!Continues(line, out var content))
            {
                text.Append(line);
                break;
            }
            text.Append(content);
        }
        return text.ToString().Trim();
    }

    // An escape character at the end, with blanks after it at most, that is not itself escaped.
    private bool Continues(string line, out string content)
    {
        var end = line.AsSpan().TrimEnd(" \t").Length;
        content = end > 0 ? line[..(end - 1)] : line;
        return end > 0 && line[end - 1] == _escape && (end == 1 || line[end - 2] != _escape);
    }

    private Instruction Build(string text, int line)
    {
        var end = text.AsSpan().IndexOfAny(" \t");
        var keyword = (end < 0 ? text : text[..end]).ToUpperInvariant();
        if (!s_rules.TryGetValue(keyword, out var rules))
        {
            throw DockerfileFault.At(line, $"unknown instruction: {(end < 0 ? text : text[..end])}");
        }
        var rest = end < 0 ? "" : text[end..].TrimStart();
        var flags = TakeFlags(ref rest, keyword, rules, line);
        var heredocs = rules.HeredocAllowed && (keyword != "ONBUILD" || StartsWithHeredocKeyword(rest)) ? ReadHeredocs(rest, line) : [];
        return new Instruction
        {
            Keyword = keyword,
            Line = line,
            Rest = rest,
            Text = rest.Length == 0 && flags.Count == 0 ? keyword : $"{keyword} {text[end..].TrimStart()}",
            Flags = flags,
            Json = rules.JsonAllowed ? TryJson(rest) : null,
            Heredocs = heredocs,
        };
    }

    private static bool StartsWithHeredocKeyword(string rest) => rest.Split(' ', 2)[0].ToUpperInvariant() is "RUN" or "COPY" or "ADD";

    private List<KeyValuePair<string, string>> TakeFlags(ref string rest, string keyword, InstructionRules rules, int line)
    {
        var flags = new List<KeyValuePair<string, string>>();
        while (rest.StartsWith("--", StringComparison.Ordinal))
        {
            var end = WordEnd(rest);
            var word = rest[2..end];
            rest = rest[end..].TrimStart();
            if (word.Length == 0)
            {
                break; // "--" ends the flags
            }
            var equals = word.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? word : word[..equals];
            if (!rules.Flags.Contains(name, StringComparer.Ordinal))
            {
                throw DockerfileFault.At(line, $"unknown flag: --{name}{(rules.Flags.Length == 0 ? "" : $" ({keyword} has --{string.Join(", --", rules.Flags)})")}");
            }
            if (flags.Any(flag => flag.Key == name) && name != "mount")
            {
                throw DockerfileFault.At(line, $"duplicate flag specified: {name}");
            }
            flags.Add(new(name, equals < 0 ? "" : word[(equals + 1)..]));
        }
        return flags;
    }

    // A word ends at a blank outside quotes.
    private int WordEnd(string text)
    {
        var quote = '\0';
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == _escape && i + 1 < text.Length)
            {
                i++;
            }
            else if (quote != '\0')
            {
                quote = c == quote ? '\0' : quote;
            }
            else if (c is '"' or '\'')
            {
                quote = c;
            }
            else if (c is ' ' or '\t')
            {
                return i;
            }
        }
        return text.Length;
    }

    private List<Heredoc> ReadHeredocs(string rest, int line)
    {
        var heredocs = new List<Heredoc>();
        foreach (var word in HeredocWord.Find(rest, _escape))
        {
            var content = new StringBuilder();
            var closed = false;
            while (_at < _lines.Length && !closed)
            {
                var text = _lines[_at++];
                var compared = word.StripTabs ? text.TrimStart('\t') : text;
                closed = compared == word.Name;
                if (!closed)
                {
                    content.Append(compared).Append('\n');
                }
            }
            if (!closed)
            {
                throw DockerfileFault.At(line, $"unterminated heredoc: no line is \"{word.Name}\"");
            }
            heredocs.Add(new Heredoc(word.Name, word.Expand, word.StripTabs, content.ToString()) { Word = word.Word });
        }
        return heredocs;
    }

    private static IReadOnlyList<string>? TryJson(string rest)
    {
        if (!rest.StartsWith('['))
        {
            return null;
        }
        try
        {
            using var json = JsonDocument.Parse(rest);
            var items = new List<string>();
            foreach (var item in json.RootElement.EnumerateArray())
            {
                if (item.ValueKind != JsonValueKind.String)
                {
                    return null;
                }
                items.Add(item.GetString()!);
            }
            return items;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return null; // then it is the shell form, as in docker
        }
    }

    private sealed record InstructionRules(string[] Flags, bool JsonAllowed = false, bool HeredocAllowed = false);
}
