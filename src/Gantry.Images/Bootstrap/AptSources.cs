namespace Gantry.Images.Bootstrap;

/// <summary>One line of an apt sources list: <c>deb [options] uri suite components</c>.</summary>
internal sealed record AptSource(string Options, string Uri, string Suite, string Components)
{
    public override string ToString() => $"deb {(Options.Length > 0 ? $"[{Options}] " : "")}{Uri} {Suite} {Components}";
}

/// <summary>The package sources of this machine, from /etc/apt, in both of apt's formats (sources.list(5)).</summary>
internal static class AptSources
{
    /// <summary>
    /// The sources for a Debian suite: the machine's own for that suite, else its Debian mirror with the suite's name, else
    /// deb.debian.org.
    /// </summary>
    public static IReadOnlyList<AptSource> ForSuite(string suite, string aptDirectory = "/etc/apt")
    {
        var all = Read(aptDirectory);
        var own = all.Where(source => source.Suite == suite || source.Suite.StartsWith(suite + "-", StringComparison.Ordinal)).ToArray();
        if (own.Any(source => source.Suite == suite))
        {
            return own;
        }
        var mirror = all.FirstOrDefault(source => source.Uri.TrimEnd('/').EndsWith("/debian", StringComparison.Ordinal))?.Uri ?? "http://deb.debian.org/debian";
        return
        [
            new AptSource("", mirror, suite, "main"),
            new AptSource("", mirror, $"{suite}-updates", "main"),
            new AptSource("", mirror.TrimEnd('/') + "-security", $"{suite}-security", "main"),
        ];
    }

    private static List<AptSource> Read(string directory)
    {
        var sources = new List<AptSource>();
        var files = new List<string> { Path.Combine(directory, "sources.list") };
        var parts = Path.Combine(directory, "sources.list.d");
        if (Directory.Exists(parts))
        {
            files.AddRange(Directory.EnumerateFiles(parts).Order(StringComparer.Ordinal));
        }
        foreach (var file in files.Where(File.Exists))
        {
            if (file.EndsWith(".list", StringComparison.Ordinal))
            {
                sources.AddRange(File.ReadLines(file).Select(ParseLine).OfType<AptSource>());
            }
            else if (file.EndsWith(".sources", StringComparison.Ordinal))
            {
                sources.AddRange(ParseStanzas(File.ReadAllText(file)));
            }
        }
        return sources;
    }

    internal static AptSource? ParseLine(string line)
    {
        var text = line.Split('#')[0].Trim();
        if (!text.StartsWith("deb ", StringComparison.Ordinal))
        {
            return null;
        }
        text = text[4..].Trim();
        var options = "";
        if (text.StartsWith('['))
        {
            var end = text.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                return null;
            }
            options = text[1..end].Trim();
            text = text[(end + 1)..].Trim();
        }
        var words = text.Split([' ', '\t'], 3, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return words.Length == 3 ? new AptSource(options, words[0], words[1], words[2]) : null;
    }

    internal static IEnumerable<AptSource> ParseStanzas(string text)
    {
        foreach (var stanza in text.Replace("\r", "", StringComparison.Ordinal).Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            foreach (var line in stanza.Split('\n').Where(line => !line.StartsWith('#')))
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                if (colon > 0 && !char.IsWhiteSpace(line[0]))
                {
                    fields[line[..colon].Trim()] = line[(colon + 1)..].Trim();
                }
            }
            if (fields.GetValueOrDefault("Enabled", "yes") is "no" || !fields.GetValueOrDefault("Types", "").Split(' ').Contains("deb"))
            {
                continue;
            }
            // A key in the file itself (Signed-By with a block) cannot stand in a line; the suite's own keyring serves.
            var key = fields.GetValueOrDefault("Signed-By", "");
            var options = key.StartsWith('/') ? $"signed-by={key}" : "";
            foreach (var uri in fields.GetValueOrDefault("URIs", "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                foreach (var suite in fields.GetValueOrDefault("Suites", "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
                {
                    yield return new AptSource(options, uri, suite, fields.GetValueOrDefault("Components", "main"));
                }
            }
        }
    }
}
