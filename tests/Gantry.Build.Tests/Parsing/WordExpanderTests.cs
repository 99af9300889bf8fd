using Gantry.Build.Parsing;
using Gantry.Faults;

namespace Gantry.Build.Tests.Parsing;

public sealed class WordExpanderTests
{
    private static readonly Dictionary<string, string> s_values = new() { ["A"] = "alpha", ["E"] = "", ["P"] = "/usr/local/bin/tool.tar.gz" };

    [Theory]
    [InlineData("$A", "alpha")]
    [InlineData("x${A}y$A.z", "xalphayalpha.z")]
    [InlineData("$NONE|", "|")]
    [InlineData("${NONE:-default}", "default")]
    [InlineData("${E:-default}|${E-default}", "default|")]
    [InlineData("${A:+yes}|${E:+yes}|${E+yes}", "yes||yes")]
    [InlineData("${NONE:-${A}!}", "alpha!")]
    [InlineData("'$A'", "$A")]
    [InlineData("\"$A b\"", "alpha b")]
    [InlineData("\\$A", "$A")]
    [InlineData("\"a\\\"b\\x\"", "a\"b\\x")]
    [InlineData("a\\ b", "a b")]
    [InlineData("${P##*/}", "tool.tar.gz")]
    [InlineData("${P#*/}", "usr/local/bin/tool.tar.gz")]
    [InlineData("${P%.*}", "/usr/local/bin/tool.tar")]
    [InlineData("${P%%.*}", "/usr/local/bin/tool")]
    [InlineData("${A/a/X}|${A//a/X}", "Xlpha|XlphX")]
    [InlineData("$", "$")]
    [InlineData("$-", "$-")]
    public void Expand_OfWord(string word, string expected) => Assert.Equal(expected, new WordExpander('\\', s_values.GetValueOrDefault).Expand(word));

    [Theory]
    [InlineData("${A")]
    [InlineData("${")]
    [InlineData("${}")]
    [InlineData("'open")]
    [InlineData("\"open")]
    [InlineData("${NONE:?must be set}")]
    [InlineData("${A!x}")]
    public void Expand_OfMalformed_Faults(string word) => Assert.Throws<FaultException>(() => new WordExpander('\\', s_values.GetValueOrDefault).Expand(word));

    [Theory]
    [InlineData("30s", 30_000_000_000)]
    [InlineData("1m30s", 90_000_000_000)]
    [InlineData("1.5ms", 1_500_000)]
    [InlineData("0", 0)]
    public void GoDuration_IsParsed(string text, long expected) => Assert.Equal(expected, GoDuration.Parse(text));
}
