using System.Text;
using Gantry.Faults;

namespace Gantry.Oci.Tests;

public sealed class OciJsonTests
{
    [Fact]
    public void Config_OfDocker_IsReadWithItsNanosecondsAndSets()
    {
        const string json = """
            {"architecture":"amd64","os":"linux","created":"2024-05-01T10:20:30.123456789Z","unknown":1,
             "config":{"Env":["A=b"],"Cmd":null,"ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["CMD","x"],"Interval":30000000000},"OnBuild":null},
             "rootfs":{"type":"layers","diff_ids":["sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]},
             "history":[{"created_by":"x","empty_layer":true}]}
            """;
        var config = OciJson.Deserialize<ImageConfig>(Encoding.UTF8.GetBytes(json), "config");
        Assert.Equal(new DateTimeOffset(2024, 5, 1, 10, 20, 30, TimeSpan.Zero).AddTicks(1234567), config.Created);
        Assert.Equal(["80/tcp"], config.Config!.ExposedPorts!.Keys);
        Assert.Equal(30_000_000_000, config.Config.Healthcheck!.Interval);
        Assert.True(config.History![0].EmptyLayer);
        var again = OciJson.Deserialize<ImageConfig>(OciJson.Serialize(config), "config");
        Assert.Equal(OciJson.Serialize(config), OciJson.Serialize(again));
    }

    [Fact]
    public void Manifest_IsWrittenWithoutEscapedPlus()
    {
        var json = Encoding.UTF8.GetString(OciJson.Serialize(new Manifest { MediaType = MediaTypes.OciManifest }));
        Assert.StartsWith("{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\"", json, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{\"layers\":[{\"digest\":\"sha256:zz\"}]}")]
    public void Deserialize_OfInvalid_NamesWhat(string json)
    {
        var fault = Assert.Throws<FaultException>(() => OciJson.Deserialize<Manifest>(Encoding.UTF8.GetBytes(json), "the manifest"));
        Assert.StartsWith("the manifest is ", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("linux/amd64", "linux/amd64")]
    [InlineData("linux/aarch64", "linux/arm64")]
    [InlineData("linux/arm64/v8", "linux/arm64")]
    [InlineData("linux/arm/v7", "linux/arm/v7")]
    public void Platform_IsNormalised(string text, string expected) => Assert.Equal(expected, Platform.Parse(text).ToString());
}
