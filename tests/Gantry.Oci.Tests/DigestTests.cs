using Gantry.Faults;

namespace Gantry.Oci.Tests;

public sealed class DigestTests
{
    [Fact]
    public void OfBytes_Verifies()
    {
        var digest = Digest.OfBytes("abc"u8);
        Assert.Equal("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", digest.Value);
        Assert.Equal("ba7816bf8f01", digest.Short);
        Assert.True(digest.Verify("abc"u8));
        Assert.False(digest.Verify("abd"u8));
        var wide = Digest.Parse("sha512:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA512.HashData("abc"u8)));
        Assert.True(wide.Verify("abc"u8));
    }

    [Theory]
    [InlineData("abc", "invalid checksum digest format")]
    [InlineData("md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported digest algorithm")]
    [InlineData("sha256:abc", "invalid checksum digest length")]
    [InlineData("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", "invalid checksum digest format")]
    public void Parse_OfInvalid_SaysWhy(string text, string message) =>
        Assert.Equal(message, Assert.Throws<FaultException>(() => Digest.Parse(text)).Message);

    [Fact]
    public void ChainId_IsThatOfTheSpecification()
    {
        var (a, b, c) = (Digest.OfBytes("a"u8), Digest.OfBytes("b"u8), Digest.OfBytes("c"u8));
        var ab = Digest.OfBytes(System.Text.Encoding.ASCII.GetBytes($"{a} {b}"));
        Assert.Equal([a, ab, Digest.OfBytes(System.Text.Encoding.ASCII.GetBytes($"{ab} {c}"))], ChainId.Each([a, b, c]));
        Assert.Null(ChainId.Of([]));
    }
}
