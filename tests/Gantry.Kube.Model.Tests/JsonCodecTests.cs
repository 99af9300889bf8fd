using System.Text;
using System.Text.Json;
using Gantry.Kube.Model.Apps.V1;
using Gantry.Kube.Model.Coordination.V1;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Model.Tests;

public sealed class JsonCodecTests
{
    private const string PodJson = """
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","creationTimestamp":"2026-01-02T03:04:05Z",
        "labels":{"app":"web"},"unknown":{"x":[1,2,{"y":3}]}},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80,"protocol":"TCP"}],
        "resources":{"limits":{"cpu":"0.5","memory":"1024Mi"}},"livenessProbe":{"httpGet":{"path":"/","port":"http"}}}],
        "volumes":[{"name":"v","emptyDir":{}}],"hostNetwork":false},"status":{"phase":"Running","conditions":null}}
        """;

    [Fact]
    public void ReadJson_Pod_ReadsEveryShape()
    {
        var pod = Read<Pod>(PodJson);

        Assert.Equal("web", pod.Metadata.Name);
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), pod.Metadata.CreationTimestamp);
        Assert.Equal("web", pod.Metadata.Labels!["app"]);
        var container = Assert.Single(pod.Spec!.Containers);
        Assert.Equal("500m", container.Resources!.Limits!["cpu"].ToString());
        Assert.Equal("http", container.LivenessProbe!.HttpGet!.Port.Text);
        Assert.Equal(80, container.Ports![0].ContainerPortValue);
        Assert.NotNull(pod.Spec.Volumes![0].EmptyDir);
        Assert.False(pod.Spec.HostNetwork);
        Assert.Null(pod.Status!.Conditions);
    }

    [Fact]
    public void WriteJson_AfterRead_GivesTheSameFields()
    {
        var once = Write(Read<Pod>(PodJson));
        var twice = Write(Read<Pod>(once));

        Assert.Equal(once, twice);
        Assert.StartsWith("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",", once);
        Assert.Contains("\"memory\":\"1Gi\"", once);
        Assert.Contains("\"emptyDir\":{}", once);
        Assert.DoesNotContain("unknown", once);
    }

    [Fact]
    public void WriteJson_Lease_WritesMicroTime()
    {
        var lease = new Lease { Metadata = { Name = "n" }, Spec = new() { RenewTime = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero) } };

        Assert.Contains("\"renewTime\":\"2026-01-02T03:04:05.678000Z\"", Write(lease));
    }

    [Fact]
    public void WriteJson_RequiredFields_AreAlwaysWritten()
        => Assert.Equal("""{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{},"status":{"replicas":0}}""", Write(new ReplicaSet { Status = new() }));

    [Fact]
    public void DeepClone_ChangedCopy_LeavesTheOriginal()
    {
        var pod = Read<Pod>(PodJson);
        var copy = pod.DeepClone();
        copy.Metadata.Labels!["app"] = "other";
        copy.Spec!.Containers[0].Image = "other";

        Assert.Equal("web", pod.Metadata.Labels!["app"]);
        Assert.Equal("i", pod.Spec!.Containers[0].Image);
    }

    [Theory]
    [InlineData("""{"spec":{"containers":{}}}""")]
    [InlineData("""{"spec":{"hostNetwork":"yes"}}""")]
    [InlineData("""{"metadata":{"labels":{"a":1}}}""")]
    [InlineData("""{"spec":{"priority":1.5}}""")]
    [InlineData("""[]""")]
    public void ReadJson_WrongType_Throws(string json) => Assert.Throws<JsonException>(() => Read<Pod>(json));

    private static T Read<T>(string json)
        where T : class, IKubeObject<T>, new()
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
        reader.Read();
        return T.ReadJson(ref reader);
    }

    private static string Write(IKubeObject obj)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            obj.WriteJson(writer);
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
