using System.Text;

namespace Gantry.Kube.Node.Containers;

/// <summary>
/// Expands <c>$(NAME)</c> in commands, arguments and values. <c>$$</c> is a dollar sign; a name that is not defined stays
/// as it is written (core/v1 Container.command).
/// </summary>
internal static class VariableExpansion
{
    public static string Expand(string text, IReadOnlyDictionary<string, string> variables)
    {
        if (!text.Contains('$', StringComparison.Ordinal))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '$' || i + 1 == text.Length)
            {
                result.Append(text[i]);
                continue;
            }

            var next = text[i + 1];
            var end = next == '(' ? text.IndexOf(')', i + 2) : -1;
            if (next == '$')
            {
                result.Append('$');
                i++;
            }
            else if (end < 0)
            {
                result.Append('$');
            }
            else
            {
                var name = text[(i + 2)..end];
                result.Append(variables.TryGetValue(name, out var value) ? value : $"$({name})");
                i = end;
            }
        }

        return result.ToString();
    }
}
