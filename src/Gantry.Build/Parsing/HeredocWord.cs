namespace Gantry.Build.Parsing;

/// <summary>The <c>&lt;&lt;EOF</c> words of an instruction.</summary>
internal sealed record HeredocWord(string Word, string Name, bool Expand, bool StripTabs)
{
    /// <summary>Finds the words outside quotes: <c>[fd]&lt;&lt;[-]NAME</c>, where a quoted name turns expansion off.</summary>
    public static IEnumerable<HeredocWord> Find(string text, char escape)
    {
        foreach (var word in ShellWords.Split(text, escape))
        {
            var at = word.AsSpan().TrimStart("0123456789").Length;
            var rest = word[^at..];
            if (!rest.StartsWith("<<", StringComparison.Ordinal) || rest.StartsWith("<<<", StringComparison.Ordinal))
            {
                continue;
            }
            var strip = rest.StartsWith("<<-", StringComparison.Ordinal);
            var name = rest[(strip ? 3 : 2)..];
            var quoted = name.AsSpan().ContainsAny('"', '\'', escape);
            var plain = name.Replace("\"", "", StringComparison.Ordinal).Replace("'", "", StringComparison.Ordinal)
                .Replace(escape.ToString(), "", StringComparison.Ordinal);
            if (plain.Length > 0 && !plain.Contains('<', StringComparison.Ordinal))
            {
                yield return new HeredocWord(word, plain, !quoted, strip);
            }
        }
    }
}
