using System.Text;

namespace Gantry.Build.Parsing;

/// <summary>Splits text into words at blanks outside quotes; quotes and escapes stay in the words.</summary>
internal static class ShellWords
{
    public static IReadOnlyList<string> Split(string text, char escape)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var started = false;
        var quote = '\0';
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quote == '\0' && (c is ' ' or '\t' or '\n'))
            {
                if (started)
                {
                    words.Add(word.ToString());
                    word.Clear();
                    started = false;
                }
                continue;
            }
            started = true;
            word.Append(c);
            if (c == escape && quote != '\'' && i + 1 < text.Length)
            {
                word.Append(text[++i]);
            }
            else if (quote != '\0')
            {
                quote = c == quote ? '\0' : quote;
            }
            else if (c is '"' or '\'')
            {
                quote = c;
            }
        }
        if (started)
        {
            words.Add(word.ToString());
        }
        return words;
    }
}
