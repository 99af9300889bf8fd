using System.Diagnostics.CodeAnalysis;

namespace Gantry.Docker.Protocol;

/// <summary>
/// One route. A pattern's {name} is one path segment; {name*} is one or more, as image names have slashes.
/// </summary>
internal sealed class Route(string method, string pattern, Func<DockerRequest, Task> handle)
{
    private readonly string[] _parts = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);

    internal Func<DockerRequest, Task> Handle { get; } = handle;

    internal string Method { get; } = method;

    /// <summary>Matches path segments and collects the named ones.</summary>
    internal bool TryMatch(ReadOnlySpan<string> path, [NotNullWhen(true)] out Dictionary<string, string>? values)
    {
        values = [];
        int greedy = Array.FindIndex(_parts, part => part.EndsWith("*}", StringComparison.Ordinal));
        if (greedy < 0 ? path.Length != _parts.Length : path.Length < _parts.Length)
        {
            return false;
        }

        int extra = path.Length - _parts.Length;
        int position = 0;
        for (int index = 0; index < _parts.Length; index++)
        {
            string part = _parts[index];
            if (index == greedy)
            {
                values[part[1..^2]] = string.Join('/', path.Slice(position, extra + 1));
                position += extra + 1;
            }
            else if (part[0] == '{')
            {
                values[part[1..^1]] = path[position++];
            }
            else if (part != path[position++])
            {
                return false;
            }
        }

        return true;
    }
}
