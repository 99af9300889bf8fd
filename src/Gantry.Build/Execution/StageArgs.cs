namespace Gantry.Build.Execution;

/// <summary>The arguments that a stage has declared by ARG, with their values.</summary>
internal sealed class StageArgs
{
    // Dockerfile reference, "Predefined ARGs": passed to RUN without being declared.
    private static readonly HashSet<string> s_predefined = new(StringComparer.Ordinal)
    {
        "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy",
    };

    private readonly SortedDictionary<string, string?> _values = new(StringComparer.Ordinal);

    public static bool IsPredefined(string name) => s_predefined.Contains(name);

    public void Declare(string name, string? value) => _values[name] = value;

    public string? Lookup(string name) => _values.GetValueOrDefault(name);

    /// <summary><c>NAME=value</c> of those that have a value, in ordinal order.</summary>
    public IReadOnlyList<string> Environment() =>
        [.. _values.Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={pair.Value}")];
}
