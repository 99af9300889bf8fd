using System.Globalization;
using System.Text.RegularExpressions;

namespace Gantry.Architecture.Tests;

/// <summary>What documents say that a machine can check: the types they name exist, their links lead somewhere.</summary>
public partial class DocumentTests
{
    private const int ReadmeLines = 150;

    // Words in backticks that look like types and are none of Gantry's.
    private static readonly HashSet<string> s_otherWords =
    [
        "CreateClient", "DeepClone", "Metadata", "Proxy", "Read", // members
        "HttpContext", "TimeProvider", // the class library
    ];

    private static readonly Lazy<HashSet<string>> s_declared = new(() =>
    {
        var names = Repository.Sources("src").Concat(Repository.Sources("tests")).SelectMany(path => Declaration().Matches(File.ReadAllText(path)))
            .Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "schema"), "*.schema").SelectMany(path => SchemaDeclaration().Matches(File.ReadAllText(path))))
            .Select(match => match.Groups[1].Value);
        return [.. names];
    });

    public static TheoryData<string> DocumentsWithTypes() =>
    [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        .. Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src")).Select(path => Path.Combine("src", Path.GetFileName(path), "README.md")),
    ];

    public static TheoryData<string> Documents() => [.. MarkdownFiles().Select(Repository.Relative)];

    [Theory]
    [MemberData(nameof(DocumentsWithTypes))]
    public void Document_TypeNames_AreDeclared(string document)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, document));
        var known = s_declared.Value;
        var unknown = CodeSpan().Matches(text).Select(span => TypeIn(span.Groups[1].Value)).OfType<string>()
            .Where(name => !known.Contains(name) && !s_otherWords.Contains(name)).Distinct();

        Assert.Empty(unknown);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_RelativeLinks_LeadToFiles(string document)
    {
        var path = Path.Combine(Repository.Root, document);
        var broken = Link().Matches(File.ReadAllText(path)).Select(link => link.Groups[1].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith("mailto:", StringComparison.Ordinal))
            .Where(target => !Path.Exists(Path.Combine(Path.GetDirectoryName(path)!, target)));

        Assert.Empty(broken);
    }

    /// <summary>Decisions are numbered without a gap, and their headings say the number that the file's name has.</summary>
    [Fact]
    public void Decisions_AreNumberedInTheirNamesAndHeadings()
    {
        var files = Directory.GetFiles(Path.Combine(Repository.Root, "docs", "adr"), "*.md").Order(StringComparer.Ordinal).ToList();

        Assert.Equal(Enumerable.Range(1, files.Count).Select(static number => number.ToString("0000", CultureInfo.InvariantCulture)), files.Select(static path => Path.GetFileName(path)[..4]));
        Assert.All(files, static path => Assert.StartsWith($"# {Path.GetFileName(path)[..4]}: ", File.ReadLines(path).First(), StringComparison.Ordinal));
    }

    /// <summary>What docs/security.md says shows that an attack fails: the class and the test in it.</summary>
    [Fact]
    public void Security_NamedTests_Exist()
    {
        var named = NamedTest().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs/security.md"))).Select(match => (Type: match.Groups[1].Value, Test: match.Groups[2].Value)).ToList();
        var sources = Repository.Sources("tests").ToLookup(path => Path.GetFileNameWithoutExtension(path), File.ReadAllText);

        Assert.InRange(named.Count, 14, int.MaxValue);
        Assert.DoesNotContain(named, test => !sources[test.Type].Any(source => source.Contains($" {test.Test}(", StringComparison.Ordinal)));
    }

    [Fact]
    public void Readme_IsShort()
    {
        var lines = File.ReadLines(Path.Combine(Repository.Root, "README.md")).Count();

        Assert.InRange(lines, 1, ReadmeLines);
    }

    private static IEnumerable<string> MarkdownFiles() =>
        Directory.EnumerateFiles(Repository.Root, "*.md")
            .Concat(Directory.EnumerateDirectories(Repository.Root)
                .Where(folder => Path.GetFileName(folder) is not ("artifacts" or ".git"))
                .SelectMany(folder => Directory.EnumerateFiles(folder, "*.md", SearchOption.AllDirectories)))
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal));

    /// <summary>The type that a span of code names: <c>Pod</c> in Gantry.Kube.Model.Core.V1.Pod; null when it does not look like one.</summary>
    private static string? TypeIn(string span)
    {
        var match = TypeLike().Match(span);
        if (!match.Success)
        {
            return null;
        }

        // Method names are not types; a method of a type is written Type.Method.
        var name = match.Groups[1].Value;
        return name.EndsWith("Async", StringComparison.Ordinal) || !name.Any(char.IsLower) ? null : name;
    }

    [GeneratedRegex(@"`([^`\n]+)`")]
    private static partial Regex CodeSpan();

    // Folder/Type, Gantry.Namespace.Type, Type<T>, Type.Member(...); paths of folders and sentences are none.
    [GeneratedRegex(@"^(?:[A-Z]\w*/)*(?:Gantry\.(?:\w+\.)+)?([A-Z][A-Za-z0-9]+)(?:<\w+>)?(?:\.\w+)?(?:\(.*\))?$")]
    private static partial Regex TypeLike();

    [GeneratedRegex(@"`(\w+Tests)\.(\w+)`")]
    private static partial Regex NamedTest();

    [GeneratedRegex(@"\[[^\]\n]*\]\(([^)#\s]+)(?:#[^)\s]*)?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\b(?:class|record|record struct|struct|interface|enum)\s+([A-Z][A-Za-z0-9]*)")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^(?:kind|type) ([A-Z]\w*)", RegexOptions.Multiline)]
    private static partial Regex SchemaDeclaration();
}
