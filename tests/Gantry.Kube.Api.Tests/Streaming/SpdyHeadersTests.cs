using Gantry.Kube.Api.Streaming.Spdy;

namespace Gantry.Kube.Api.Tests.Streaming;

public sealed class SpdyHeadersTests
{
    [Fact]
    public void Read_TwoBlocksOfOneZlibStreamWithTheDictionary_GivesBothHeaders()
    {
        // Made with zlib's deflateSetDictionary and a sync flush after each block.
        using var headers = new SpdyHeaders();
        var first = headers.Read(Convert.FromHexString("78f9e3c6a7c202253a703a2b294a4dcc851625aca9a0808614cb45e01c6061606100a4398b20d198094ade8c0600000000ffff"));
        var second = headers.Read(Convert.FromHexString("c2aa19540e2512d60b000000ffff"));

        Assert.Equal(new Dictionary<string, string> { ["streamtype"] = "error", ["port"] = "8080", ["requestid"] = "0" }, first);
        Assert.Equal("data", second["StreamType"]);
    }

    [Fact]
    public void Write_ThenRead_GivesTheSameHeaders()
    {
        using var writer = new SpdyHeaders();
        using var reader = new SpdyHeaders();
        var sent = new Dictionary<string, string> { ["a"] = "1", ["b"] = "" };

        Assert.Equal(sent, reader.Read(writer.Write(sent)));
        Assert.Empty(reader.Read(writer.Write([])));
    }

    [Fact]
    public void Read_Garbage_IsInvalidData()
    {
        using var headers = new SpdyHeaders();

        Assert.Throws<InvalidDataException>(() => headers.Read([0x78, 0xbb, 1, 2, 3, 4, 5]));
    }
}
