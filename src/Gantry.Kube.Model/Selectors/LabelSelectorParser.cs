namespace Gantry.Kube.Model.Selectors;

/// <summary>Reads a label selector of a query (grammar: apimachinery's labels.Parse).</summary>
internal sealed class LabelSelectorParser(string text)
{
    private int _at;

    public List<LabelRequirement> Parse()
    {
        var list = new List<LabelRequirement>();
        while (true)
        {
            list.Add(ParseRequirement());
            SkipSpace();
            if (_at == text.Length)
            {
                return list;
            }

            if (text[_at] != ',')
            {
                throw Fail($"found '{Rest()}', expected: ',' or 'end of string'");
            }

            _at++;
        }
    }

    private LabelRequirement ParseRequirement()
    {
        SkipSpace();
        var absent = Take("!");
        var key = Word();
        if (key.Length == 0)
        {
            throw Fail($"found '{Rest()}', expected: !, identifier, or 'end of string'");
        }

        SkipSpace();
        if (absent)
        {
            return new LabelRequirement(key, "DoesNotExist", []);
        }

        if (_at == text.Length || text[_at] == ',')
        {
            return new LabelRequirement(key, "Exists", []);
        }

        return Take("!=") ? new LabelRequirement(key, "NotIn", [Value()])
            : Take("==") || Take("=") ? new LabelRequirement(key, "In", [Value()])
            : Take(">") ? new LabelRequirement(key, "Gt", [Integer()])
            : Take("<") ? new LabelRequirement(key, "Lt", [Integer()])
            : ParseSet(key);
    }

    private LabelRequirement ParseSet(string key)
    {
        var word = Word();
        var op = word switch { "in" => "In", "notin" => "NotIn", _ => throw Fail($"found '{word + Rest()}', expected: in, notin, =, ==, !=, gt, lt") };
        SkipSpace();
        if (!Take("("))
        {
            throw Fail($"found '{Rest()}', expected: '('");
        }

        var values = new List<string>();
        do
        {
            values.Add(Value());
            SkipSpace();
        }
        while (Take(","));

        return Take(")") ? new LabelRequirement(key, op, values) : throw Fail($"found '{Rest()}', expected: ',' or ')'");
    }

    private string Value()
    {
        SkipSpace();
        return Word();
    }

    private string Integer()
    {
        var value = Value();
        return long.TryParse(value, out _) ? value : throw Fail($"for 'Gt', 'Lt' operators, the value must be an integer, found '{value}'");
    }

    private string Word()
    {
        var start = _at;
        while (_at < text.Length && !char.IsWhiteSpace(text[_at]) && "!=<>(),".IndexOf(text[_at]) < 0)
        {
            _at++;
        }

        return text[start.._at];
    }

    private bool Take(string token)
    {
        if (string.CompareOrdinal(text, _at, token, 0, token.Length) != 0)
        {
            return false;
        }

        _at += token.Length;
        return true;
    }

    private void SkipSpace()
    {
        while (_at < text.Length && char.IsWhiteSpace(text[_at]))
        {
            _at++;
        }
    }

    private string Rest() => text[_at..];

    private static FormatException Fail(string message) => new("unable to parse requirement: " + message);
}
