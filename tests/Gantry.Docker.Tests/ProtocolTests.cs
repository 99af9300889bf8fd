using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Routes;
using Gantry.Docker.Translation;
using Gantry.Engine.Containers;
using Gantry.Faults;
using Gantry.Network.Ports;

namespace Gantry.Docker.Tests;

public sealed class ProtocolTests
{
    [Theory]
    [InlineData("v1.24", true)]
    [InlineData("v1.50", true)]
    [InlineData("v1", false)]
    [InlineData("version", false)]
    [InlineData("v1.x", false)]
    public void ApiVersion_Segment_IsRecognized(string segment, bool valid) => Assert.Equal(valid, ApiVersion.TryParse(segment, out _));

    [Theory]
    [InlineData("GET", "/images/localhost:5000/a/b/json", "localhost:5000/a/b")]
    [InlineData("GET", "/images/busybox/json", "busybox")]
    [InlineData("DELETE", "/images/x/y", "x/y")]
    public void Route_ImageName_MayHaveSlashes(string method, string path, string name)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        Dictionary<string, string>? values = null;
        Assert.Contains(RouteList.All(), route => route.Method == method && route.TryMatch(parts, out values));

        Assert.Equal(name, values!["name"]);
    }

    [Fact]
    public void Filters_BothForms_AreRead()
    {
        Assert.Equal(["a", "b"], Filters.Parse("{\"name\":[\"a\",\"b\"]}")["name"]);
        Assert.Equal(["a"], Filters.Parse("{\"name\":{\"a\":true,\"b\":false}}")["name"]);
        Assert.Throws<FaultException>(() => Filters.Parse("[1"));
        Assert.Throws<FaultException>(() => Filters.Parse("{\"x\":[\"1\"]}").Only("name"));
    }

    [Theory]
    [InlineData("1h30m", 5400)]
    [InlineData("10s", 10)]
    [InlineData("1.5s", 1.5)]
    public void TimestampText_Span_IsReadAsGoDoes(string text, double seconds)
    {
        Assert.True(TimestampText.TrySpan(text, out TimeSpan span));
        Assert.Equal(seconds, span.TotalSeconds);
    }

    [Fact]
    public void Translate_PortsAndBinds_BecomeTheEnginesTerms()
    {
        ContainerSpec spec = SpecTranslation.Translate(
            new CreateContainerJson
            {
                Image = "busybox",
                HostConfig = new HostConfigJson
                {
                    PortBindings = new() { ["80/tcp"] = [new("", "8080"), new("::1", "8080")], ["53/udp"] = [new("127.0.0.1", "")] },
                    Binds = ["/src:/dst:ro", "data:/data", "/a:/b:rshared,ro"],
                    Tmpfs = new() { ["/run"] = "size=1m,mode=755" },
                },
            },
            "name");

        Assert.Equal([new PortMapping("tcp", 80, "0.0.0.0", 8080), new PortMapping("udp", 53, "127.0.0.1", 0)], spec.Ports);
        Assert.Equal(
            [(ContainerMountKind.Bind, "/src", true), (ContainerMountKind.Volume, "data", false), (ContainerMountKind.Bind, "/a", true), (ContainerMountKind.Tmpfs, "", false)],
            spec.Mounts.Select(mount => (mount.Kind, mount.Source, mount.ReadOnly)));
        Assert.Equal("rshared", spec.Mounts[2].Propagation);
    }

    [Theory]
    [InlineData("/src")]
    [InlineData("/src:/dst:bad")]
    [InlineData(":/dst")]
    public void Translate_MalformedBind_IsInvalid(string bind) => Assert.Equal(
        FaultKind.InvalidArgument,
        Assert.Throws<FaultException>(() => MountTranslation.Translate(new ContainerConfigJson(), new HostConfigJson { Binds = [bind] })).Kind);
}
