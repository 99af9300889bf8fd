using System.Net;
using Gantry.Faults;
using Gantry.Network.Addresses;
using Gantry.Network.Files;

namespace Gantry.Network.Tests;

public sealed class AddressTests
{
    [Theory]
    [InlineData("172.30.0.0/16", true)]
    [InlineData("172.30.5.7/24", true)]
    [InlineData("172.30.0.0/33", false)]
    [InlineData("172.30.0.0", false)]
    [InlineData("fd00::/64", false)]
    public void TryParse_Text_TellsCidr(string text, bool valid) => Assert.Equal(valid, Ipv4Range.TryParse(text, out _));

    [Fact]
    public void Allocate_ReleasedAddress_IsGivenOutLast()
    {
        Ipv4Range subnet = Ipv4Range.Parse("10.0.0.0/29");
        AddressPool pool = new(subnet, subnet, IPAddress.Parse("10.0.0.1"));
        IPAddress first = pool.Allocate();
        pool.Release(first);

        string[] rest = [.. Enumerable.Range(0, 5).Select(_ => pool.Allocate().ToString())];

        Assert.Equal(["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"], rest);
        Assert.Equal(FaultKind.ResourceExhausted, Assert.Throws<FaultException>(() => pool.Allocate()).Kind);
    }

    [Fact]
    public void Reserve_TakenOrForeignAddress_IsRefused()
    {
        Ipv4Range subnet = Ipv4Range.Parse("10.0.0.0/24");
        AddressPool pool = new(subnet, subnet, IPAddress.Parse("10.0.0.1"));
        pool.Reserve(IPAddress.Parse("10.0.0.9"));

        Assert.Equal("Address already in use", Assert.Throws<FaultException>(() => pool.Reserve(IPAddress.Parse("10.0.0.9"))).Message);
        Assert.Equal(FaultKind.InvalidArgument, Assert.Throws<FaultException>(() => pool.Reserve(IPAddress.Parse("10.0.1.9"))).Kind);
    }

    [Fact]
    public void ResolvConf_WithoutLoopback_KeepsSearchAndOptions()
    {
        ResolvConf parsed = ResolvConf.Parse("# comment\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch a b\noptions ndots:2\n");

        Assert.Equal("nameserver 192.0.2.1\nsearch a b\noptions ndots:2\n", parsed.WithoutLoopback().Render());
    }
}
