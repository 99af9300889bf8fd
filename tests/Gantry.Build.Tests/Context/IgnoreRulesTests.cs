using Gantry.Build.Context;

namespace Gantry.Build.Tests.Context;

public sealed class IgnoreRulesTests
{
    [Theory]
    [InlineData("*.log", "a.log", true)]
    [InlineData("*.log", "d/a.log", false)]
    [InlineData("**/*.log", "d/e/a.log", true)]
    [InlineData("**/*.log", "a.log", true)]
    [InlineData("d", "d/e/f", true)]
    [InlineData("/d/", "d/x", true)]
    [InlineData("d/**", "d/x", true)]
    [InlineData("d/**", "d", false)]
    [InlineData("*\n!keep", "keep", false)]
    [InlineData("*\n!keep/inner", "keep/inner/x", false)]
    [InlineData("*\n!keep\nkeep/no", "keep/no", true)]
    [InlineData("# a\n\n  x  ", "x", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("[a-c]", "b", true)]
    [InlineData("[^a-c]", "b", false)]
    [InlineData("./x/../y", "y", true)]
    [InlineData("a+(b)", "a+(b)", true)]
    public void IsIgnored_OfPath(string rules, string path, bool expected) => Assert.Equal(expected, IgnoreRules.Parse(rules).IsIgnored(path));
}
