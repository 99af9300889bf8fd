using System.Diagnostics;
using System.Text;
using Gantry.Faults;
using Gantry.Runtime.Systemd;

namespace Gantry.Runtime.Tests.Systemd;

/// <summary>The client of the bus against servers that hang, close, lie, or talk nonsense.</summary>
public sealed class BusTests : IDisposable
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private readonly string _directory = Directory.CreateTempSubdirectory("gantry-bus-").FullName;
    private readonly StandInBus _bus;

    public BusTests() => _bus = new StandInBus($"{_directory}/bus");

    public void Dispose()
    {
        _bus.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("AUTH")]
    [InlineData("Hello")]
    [InlineData("StartTransientUnit")]
    public void Start_BusHangs_EndsInTime(string at)
    {
        if (at == "AUTH")
        {
            _bus.Authenticate = static _ => null;
        }
        _bus.Instead = call => call.Member == at ? [] : null;
        var watch = Stopwatch.StartNew();
        var fault = Assert.Throws<FaultException>(() => Start(Short));
        Assert.Equal(FaultKind.DeadlineExceeded, fault.Kind);
        Assert.Matches($"{_directory}/bus: (AUTH|Hello|AddMatch|StartTransientUnit).* was not answered in time", fault.Message);
        Assert.True(watch.Elapsed < Long, "it must not wait without a limit");
    }

    [Fact]
    public void Start_JobNeverEnds_EndsInTime()
    {
        _bus.SignalSender = ":1.666"; // somebody else says that it is done
        var fault = Assert.Throws<FaultException>(() => Start(Short));
        Assert.Equal(FaultKind.DeadlineExceeded, fault.Kind);
        Assert.Contains("was not answered in time", fault.Message);
    }

    [Fact]
    public void Open_NobodyAcceptsConnections_EndsInTime()
    {
        using var listener = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint($"{_directory}/full"));
        listener.Listen(0);
        List<BusConnection> opened = [];
        for (var i = 0; i < 8; i++)
        {
            Assert.ThrowsAny<FaultException>(() => opened.Add(BusConnection.Open(new($"{_directory}/full", true), TimeSpan.FromMilliseconds(50))));
        }
        Assert.Empty(opened);
    }

    [Theory]
    [InlineData("REJECTED EXTERNAL ANONYMOUS", true)]
    [InlineData("REJECTED EXTERNAL", false)]
    public void Open_ServerWantsTheUser_GetsItOnce(string answer, bool accepts)
    {
        var user = Convert.ToHexString(Encoding.ASCII.GetBytes("0"));
        _bus.Authenticate = line => accepts && line == $"AUTH EXTERNAL {user}" ? "OK 1" : answer;
        if (accepts)
        {
            Start(Long);
            return;
        }
        var fault = Assert.Throws<FaultException>(() => Start(Long));
        Assert.Equal(FaultKind.PermissionDenied, fault.Kind);
        Assert.Contains("does not take this user: it says \"REJECTED EXTERNAL\"", fault.Message);
    }

    [Theory]
    [InlineData("6c020001 ffffffff 01000000 08000000", "more than any answer has")]
    [InlineData("6c020001 00000000 01000000 ffffffff", "more than any answer has")]
    [InlineData("78020001 00000000 01000000 00000000", "byte order 120")]
    [InlineData("6c020009 00000000 01000000 00000000", "protocol version 9")]
    [InlineData("6c020001 00000000 01000000 05000000 0501750001000000", "header fields that pass their end")]
    [InlineData("6c020001 00000000 01000000 08000000 05016f0001000000", "header field 5 of the type o")]
    [InlineData("6c020001 00000000 01000000 08000000 0a02617600000000", "bytes where|signature|padding|pass their end|type")]
    public void Call_AnswerIsNoMessage_SaysSo(string hex, string expected)
    {
        _bus.Instead = call => call.Member == "StartTransientUnit" ? Convert.FromHexString(hex.Replace(" ", "")) : null;
        var fault = Assert.Throws<FaultException>(() => Start(Long));
        Assert.Equal(FaultKind.DataLoss, fault.Kind);
        Assert.Contains(expected.Split('|'), part => fault.Message.Contains(part, StringComparison.Ordinal));
    }

    [Fact]
    public void Call_AnswerHasAnotherType_SaysSo()
    {
        _bus.Instead = static call => call.Member == "StartTransientUnit"
            ? new BusMessage { Type = BusMessage.MethodReturn, Serial = 1, ReplySerial = call.Serial, Signature = "u", Body = new byte[4] }.Write()
            : null;
        Assert.Equal(FaultKind.DataLoss, Assert.Throws<FaultException>(() => Start(Long)).Kind);
    }

    [Fact]
    public void Parse_AnyBytes_IsAMessageOrAFault()
    {
        var random = new Random(20261125);
        var body = new BusWriter();
        body.UInt32(1);
        body.String("/job");
        body.String("a.scope");
        body.String("done");
        var good = new BusMessage
        {
            Type = BusMessage.Signal,
            Serial = 3,
            Path = "/p",
            Interface = "i.i",
            Member = "JobRemoved",
            Sender = ":1.1",
            ReplySerial = 9,
            Signature = "uoss",
            Body = body.Written.ToArray(),
        };
        Assert.Equal(good with { Body = default }, BusMessage.Parse(good.Write()) with { Body = default });
        var bytes = good.Write();
        for (var round = 0; round < 200_000; round++)
        {
            var bad = (byte[])bytes.Clone();
            for (var changes = random.Next(1, 6); changes > 0; changes--)
            {
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            }
            bad = random.Next(4) == 0 ? bad[..random.Next(BusMessage.FixedHeaderSize, bad.Length)] : bad;
            try
            {
                _ = BusMessage.SizeOf(bad.AsSpan(0, BusMessage.FixedHeaderSize));
                var reader = BusMessage.Parse(bad).ReadBody("uoss");
                reader.Skip("uoss");
            }
            catch (FaultException e)
            {
                Assert.Equal(FaultKind.DataLoss, e.Kind);
            }
        }
    }

    [Fact]
    public void Skip_SignaturesOfAnyShape_EndInAFaultAtMost()
    {
        var random = new Random(7);
        const string Letters = "ybnqiuxtdsogva(){}h";
        for (var round = 0; round < 100_000; round++)
        {
            var signature = string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => Letters[random.Next(Letters.Length)]));
            var data = new byte[random.Next(64)];
            random.NextBytes(data);
            try
            {
                new BusReader(data, random.Next(2) == 0).Skip(signature);
            }
            catch (FaultException e)
            {
                Assert.Equal(FaultKind.DataLoss, e.Kind);
            }
        }
        // Variants in variants without end.
        var deep = Enumerable.Repeat(new byte[] { 1, (byte)'v', 0 }, 1000).SelectMany(static item => item).ToArray();
        Assert.Throws<FaultException>(() => new BusReader(deep, false).Skip("v"));
        Assert.Throws<FaultException>(() => new BusReader(new byte[4096], false).Skip(new string('a', 1000) + "y"));
    }

    [Fact]
    public void ControlGroup_OfTheManager_IsAsked()
    {
        using var manager = Open(Long);
        Assert.Equal("/user.slice/user-5.slice/user@5.service", manager.ControlGroup());
    }

    [Theory]
    [InlineData("unix:path=/run/user/5/bus,guid=1f;unix:abstract=x%2dy", "/run/user/5/bus @x-y")]
    [InlineData("tcp:host=x;unix:tmpdir=/tmp", "")]
    [InlineData("unix:path=/a%20b%", "/a b%")]
    public void Addresses_OfAList_AreItsUnixSockets(string list, string expected) =>
        Assert.Equal(expected, string.Join(' ', BusAddress.Parse(list).Select(static item => item.Path)));

    private void Start(TimeSpan limit)
    {
        using var manager = Open(limit);
        manager.Start("a.scope", [UnitProperty.Of("Slice", "b.slice")], []);
    }

    private SystemdManager Open(TimeSpan limit) => SystemdManager.Open([new BusAddress(_bus.Path, false)], "", limit);
}
