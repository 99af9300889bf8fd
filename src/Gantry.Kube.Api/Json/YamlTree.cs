using System.Globalization;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Gantry.Kube.Api.Json;

/// <summary>Reads and writes JSON trees as YAML 1.1 with its booleans (yes, on) and octals, as Kubernetes' clients read it.</summary>
internal static class YamlTree
{
    /// <summary>More nodes than this can come from aliases only: the body itself is at most 3 MB.</summary>
    private const int MaxNodes = 2_000_000;

    /// <summary>Deeper nesting than JSON bodies may have.</summary>
    private const int MaxDepth = 128;

    /// <summary>Reads the first document. Duplicate keys are reported; the last one wins. Throws YamlException.</summary>
    public static object? Parse(string text, List<string>? duplicates = null)
    {
        try
        {
            var parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
            parser.Consume<StreamStart>();
            return parser.TryConsume<DocumentStart>(out _) ? new Reading(duplicates).Read(parser, 0) : null;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            // The scanner lets some damaged documents run into its own checks.
            throw new YamlException("the document is malformed", e);
        }
    }

    public static string ToText(object? value)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var emitter = new Emitter(output, new EmitterSettings(2, int.MaxValue, false, 1024, skipAnchorName: true, indentSequences: false));
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart(null, null, true));
        Write(emitter, value);
        emitter.Emit(new DocumentEnd(true));
        emitter.Emit(new StreamEnd());
        return output.ToString();
    }

    private static object? Resolve(Scalar scalar)
    {
        var isText = scalar.Style != ScalarStyle.Plain || (!scalar.Tag.IsEmpty && scalar.Tag.Value == "tag:yaml.org,2002:str");
        return isText ? scalar.Value : ResolvePlain(scalar.Value);
    }

    private static object? ResolvePlain(string text)
    {
        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL": return null;
            case "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON": return true;
            case "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF": return false;
            default: break;
        }

        return Number(text) ?? text;
    }

    private static object? Number(string text)
    {
        var body = text.StartsWith('-') || text.StartsWith('+') ? text[1..] : text;
        if (body.Length == 0 || !(char.IsAsciiDigit(body[0]) || body[0] == '.'))
        {
            return null;
        }

        if (body.StartsWith("0x", StringComparison.Ordinal))
        {
            return long.TryParse(body.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex) ? Signed(text, hex) : null;
        }

        // File modes are written in octal: 0644 (YAML 1.1) and 0o644 (YAML 1.2).
        var octal = body.StartsWith("0o", StringComparison.Ordinal) ? body[2..] : body.Length > 1 && body[0] == '0' ? body[1..] : null;
        if (octal is not null && octal.All(static c => c is >= '0' and <= '7') && octal.Length is > 0 and < 22)
        {
            return Signed(text, Convert.ToInt64(octal, 8));
        }

        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        return body.All(static c => char.IsAsciiDigit(c) || c is '.' or 'e' or 'E' or '+' or '-')
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real)
                ? real
                : null;
    }

    private static long Signed(string text, long value) => text[0] == '-' ? -value : value;

    private static void Write(Emitter emitter, object? value)
    {
        switch (value)
        {
            case JsonMap map:
                emitter.Emit(new MappingStart(AnchorName.Empty, TagName.Empty, true, map.Count == 0 ? MappingStyle.Flow : MappingStyle.Block));
                foreach (var (key, item) in map.OrderBy(static p => p.Key, StringComparer.Ordinal))
                {
                    EmitText(emitter, key);
                    Write(emitter, item);
                }

                emitter.Emit(new MappingEnd());
                break;
            case List<object?> list:
                emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, true, list.Count == 0 ? SequenceStyle.Flow : SequenceStyle.Block));
                foreach (var item in list)
                {
                    Write(emitter, item);
                }

                emitter.Emit(new SequenceEnd());
                break;
            case string text: EmitText(emitter, text); break;
            default: emitter.Emit(new Scalar(Encoding.UTF8.GetString(JsonTree.ToUtf8(value)))); break;
        }
    }

    private static void EmitText(Emitter emitter, string text)
    {
        // YAML 1.1 readers take a plain date for a timestamp (http://yaml.org/type/timestamp.html).
        var isDate = text.Length >= 10 && text[4] == '-' && char.IsAsciiDigit(text[0]) && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out _);
        var plain = !isDate && ResolvePlain(text) is string;
        var style = !plain ? ScalarStyle.DoubleQuoted : text.Contains('\n') ? ScalarStyle.Literal : ScalarStyle.Any;
        emitter.Emit(new Scalar(AnchorName.Empty, TagName.Empty, text, style, plain, true));
    }

    /// <summary>One document's reading: its path, its anchors, and how much it has grown.</summary>
    private sealed class Reading(List<string>? duplicates)
    {
        private readonly JsonPath _path = new();
        private readonly Dictionary<string, (object? Value, int Nodes)> _anchors = [];
        private int _nodes;

        public object? Read(IParser parser, int depth)
        {
            if (depth > MaxDepth)
            {
                throw new YamlException("the document is nested too deeply");
            }

            Count(1);
            var before = _nodes;
            if (parser.TryConsume<AnchorAlias>(out var alias))
            {
                if (!_anchors.TryGetValue(alias.Value.Value, out var known))
                {
                    throw new YamlException($"unknown anchor '{alias.Value.Value}' referenced");
                }

                Count(known.Nodes);
                return JsonTree.Clone(known.Value);
            }

            var anchor = parser.Current is NodeEvent node ? node.Anchor : AnchorName.Empty;
            var value = ReadNode(parser, depth);
            if (!anchor.IsEmpty)
            {
                _anchors[anchor.Value] = (value, _nodes - before + 1);
            }

            return value;
        }

        private object? ReadNode(IParser parser, int depth)
        {
            if (parser.TryConsume<Scalar>(out var scalar))
            {
                return Resolve(scalar);
            }

            if (!parser.TryConsume<SequenceStart>(out _))
            {
                return ReadMap(parser, depth);
            }

            var list = new List<object?>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                _path.Push(list.Count);
                list.Add(Read(parser, depth + 1));
                _path.Pop();
            }

            return list;
        }

        private JsonMap ReadMap(IParser parser, int depth)
        {
            parser.Consume<MappingStart>();
            var map = new JsonMap();
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.Consume<Scalar>().Value;
                _path.Push(key);
                var value = Read(parser, depth + 1);
                if (!map.TryAdd(key, value))
                {
                    map[key] = value;
                    duplicates?.Add($"duplicate field {JsonTree.Quote(_path.ToString())}");
                }

                _path.Pop();
            }

            return map;
        }

        private void Count(int nodes)
        {
            _nodes += nodes;
            if (_nodes > MaxNodes)
            {
                throw new YamlException("the document's aliases make it too large");
            }
        }
    }
}
