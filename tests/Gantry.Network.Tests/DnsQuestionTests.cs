using System.Net;
using Gantry.Network.Names;

namespace Gantry.Network.Tests;

public sealed class DnsQuestionTests
{
    // ID 0x1234, recursion desired, one question: "web.front" A IN.
    private static readonly byte[] s_query =
        [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, (byte)'w', (byte)'e', (byte)'b', 5, (byte)'f', (byte)'r', (byte)'o', (byte)'n', (byte)'t', 0, 0, 1, 0, 1];

    [Fact]
    public void TryParse_Query_ReadsNameAndType()
    {
        DnsQuestion question = DnsQuestion.TryParse(s_query)!;

        Assert.Equal("web.front", question.Name);
        Assert.Equal(DnsQuestion.TypeA, question.Type);
    }

    [Fact]
    public void Answer_OneAddress_IsCompleteResponse()
    {
        byte[] reply = DnsQuestion.TryParse(s_query)!.Answer([IPAddress.Parse("172.30.1.2")]);

        Assert.Equal([0x12, 0x34, 0x81, 0x80], reply[..4]);
        Assert.Equal(1, reply[7]);
        Assert.Equal([172, 30, 1, 2], reply[^4..]);
    }

    [Fact]
    public void TryParse_EveryTruncationAndBitFlip_NeverThrows()
    {
        for (int length = 0; length < s_query.Length; length++)
        {
            Assert.Null(DnsQuestion.TryParse(s_query.AsMemory(0, length)));
        }

        Random random = new(42);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] damaged = [.. s_query];
            damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            DnsQuestion.TryParse(damaged)?.Refuse(DnsQuestion.NameError);
        }
    }

    [Fact]
    public void ReverseAddress_InAddrArpa_IsTurnedRound()
    {
        DnsQuestion question = new(1, true, "2.1.30.172.in-addr.arpa", DnsQuestion.TypePtr, new byte[5]);

        Assert.Equal(IPAddress.Parse("172.30.1.2"), question.ReverseAddress());
    }
}
