using System.Text.RegularExpressions;

namespace Gantry.Architecture.Tests;

/// <summary>The rules of the code's form that a machine can check.</summary>
public partial class SourceTests
{
    private const int LongFile = 500;
    private const int LongestFile = 1000;
    private const double LongFilesShare = 0.03;

    [Fact]
    public void Files_FewAreLong_NoneIsTooLong()
    {
        var lengths = Repository.Sources("src").ToDictionary(Repository.Relative, path => File.ReadLines(path).Count());

        Assert.DoesNotContain(lengths, file => file.Value > LongestFile);
        var longFiles = lengths.Where(file => file.Value > LongFile).Select(file => $"{file.Key} ({file.Value})").ToList();
        Assert.True(longFiles.Count <= lengths.Count * LongFilesShare, $"too many files of more than {LongFile} lines: {string.Join(", ", longFiles)}");
    }

    [Fact]
    public void SystemCalls_AreDeclared_OnlyInTheLinuxRoom()
    {
        var declaring = Repository.Sources("src")
            .Where(path => NativeImport().IsMatch(File.ReadAllText(path)))
            .Select(Repository.Relative)
            .Where(path => !path.StartsWith("src/Gantry.Linux/", StringComparison.Ordinal));

        Assert.Empty(declaring);
    }

    [Fact]
    public void Console_IsUsed_OnlyByPrograms()
    {
        // Programs that people start; everything else logs or throws.
        string[] programs = ["src/Gantry.Cli/", "src/Gantry.Runtime/", "src/Gantry.Daemon/"];
        var printing = Repository.Sources("src")
            .Where(path => ConsoleUse().IsMatch(File.ReadAllText(path)))
            .Select(Repository.Relative)
            .Where(path => !programs.Any(program => path.StartsWith(program, StringComparison.Ordinal)));

        Assert.Empty(printing);
    }

    [Fact]
    public void Namespaces_EqualTheirFolders()
    {
        // The compiler knows this attribute by its whole name.
        const string known = "src/Gantry.Runtime/Launch/RuntimeExportAttribute.cs";
        var wrong = new List<string>();
        foreach (var path in Repository.Sources("src").Where(static path => Repository.Relative(path) != known))
        {
            var declared = NamespaceLine().Match(File.ReadAllText(path));
            var expected = Path.GetDirectoryName(Path.GetRelativePath(Path.Combine(Repository.Root, "src"), path))!.Replace('/', '.');
            if (declared.Success && declared.Groups[1].Value != expected)
            {
                wrong.Add($"{Repository.Relative(path)}: {declared.Groups[1].Value}, not {expected}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Unfinished_MarksAreNowhere()
    {
        var marked = Repository.Sources("src").Concat(Repository.Sources("tests"))
            .Where(path => !path.EndsWith(nameof(SourceTests) + ".cs", StringComparison.Ordinal))
            .Where(path => UnfinishedMark().IsMatch(File.ReadAllText(path)))
            .Select(Repository.Relative);

        Assert.Empty(marked);
    }

    [GeneratedRegex(@"\[(LibraryImport|DllImport)\b")]
    private static partial Regex NativeImport();

    [GeneratedRegex(@"\bConsole\.(Write|Error|Out)\b")]
    private static partial Regex ConsoleUse();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|NotImplementedException|async void)\b")]
    private static partial Regex UnfinishedMark();
}
