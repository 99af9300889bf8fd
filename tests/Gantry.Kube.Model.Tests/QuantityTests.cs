namespace Gantry.Kube.Model.Tests;

public sealed class QuantityTests
{
    [Theory]
    [InlineData("0", "0")]
    [InlineData("100m", "100m")]
    [InlineData("1000m", "1")]
    [InlineData("0.5", "500m")]
    [InlineData("1.5Gi", "1536Mi")]
    [InlineData("1024Mi", "1Gi")]
    [InlineData("512Ki", "512Ki")]
    [InlineData("1023", "1023")]
    [InlineData("0.5Ki", "512")]
    [InlineData("0.5Mi", "512Ki")]
    [InlineData("0.1Ki", "102400m")]
    [InlineData("1e3", "1e3")]
    [InlineData("1500e3", "1500e3")]
    [InlineData("12E", "9223372036854775807")]
    [InlineData("1E", "1E")]
    [InlineData("1000k", "1M")]
    [InlineData("-5", "-5")]
    [InlineData("+5", "5")]
    [InlineData(".5", "500m")]
    [InlineData("5.", "5")]
    [InlineData("0.0000000001", "1n")]
    [InlineData("100000000", "100M")]
    [InlineData("123456789", "123456789")]
    public void ToString_AnyText_IsCanonical(string text, string canonical)
        => Assert.Equal(canonical, Quantity.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("Gi")]
    [InlineData("1.2.3")]
    [InlineData("1 Gi")]
    [InlineData("1GiB")]
    [InlineData("abc")]
    [InlineData("-")]
    [InlineData("1e")]
    [InlineData("١")]
    public void TryParse_Malformed_Fails(string text) => Assert.False(Quantity.TryParse(text, out _));

    [Fact]
    public void Compare_DifferentSuffixes_ComparesNumbers()
    {
        Assert.Equal(Quantity.Parse("1"), Quantity.Parse("1000m"));
        Assert.True(Quantity.Parse("1Ki") > Quantity.Parse("1k"));
        Assert.Equal("1100m", (Quantity.Parse("1") + Quantity.Parse("100m")).ToString());
        Assert.Equal(1100, Quantity.Parse("1.1").MilliValue);
        Assert.Equal(2, Quantity.Parse("1.1").Value);
        Assert.Equal(536870912, Quantity.Parse("512Mi").Value);
    }
}
