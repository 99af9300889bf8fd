using Gantry.Images.Catalog;

namespace Gantry.Images.Tests.Catalog;

public sealed class GlobTests
{
    [Theory]
    [InlineData("*", "abc", true)]
    [InlineData("*", "a/b", false)]
    [InlineData("a*b*c", "aXbYbc", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a?c", "a/c", false)]
    [InlineData("[a-c]x", "bx", true)]
    [InlineData("[^a-c]x", "bx", false)]
    [InlineData("[", "[", false)]
    [InlineData("\\*", "*", true)]
    [InlineData("", "", true)]
    [InlineData("a*/b", "abc/b", true)]
    public void IsMatch_OfPattern(string pattern, string text, bool expected) => Assert.Equal(expected, Glob.IsMatch(pattern, text));
}
