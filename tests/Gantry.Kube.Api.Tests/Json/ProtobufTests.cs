using System.Text;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Protobuf;
using Gantry.Kube.Model.Schemas;

namespace Gantry.Kube.Api.Tests.Json;

public sealed class ProtobufTests
{
    [Fact]
    public void Decode_Pod_ReadsEveryShape()
    {
        var pod = ProtobufDecoder.Decode(SamplePod(), SchemaCatalog.BuiltIn.Get("core/v1.Pod"));

        Assert.Equal(
            """{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","creationTimestamp":"2026-01-02T03:04:05Z","labels":{"a":"b"}},"spec":{"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"name":"c","resources":{"limits":{"cpu":"100m"}},"livenessProbe":{"httpGet":{"port":"http"}}}],"hostPID":true}}""",
            JsonTree.ToText(pod));
    }

    [Fact]
    public void Encode_ThenDecode_GivesTheSameObject()
    {
        const string Text = """
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","creationTimestamp":"2026-01-02T03:04:05Z","labels":{"a":"b"},"managedFields":[{"manager":"m","operation":"Update","fieldsV1":{"f:x":{}}}]},
            "spec":{"volumes":[{"name":"v","hostPath":{"path":"/x"}},{"name":"s","secret":{"secretName":"s","defaultMode":420}}],"containers":[{"name":"c","image":"i","args":["a",""],"ports":[{"containerPort":80,"protocol":"TCP"}],
            "resources":{"limits":{"cpu":"100m"},"requests":{"memory":"1Gi"}},"livenessProbe":{"httpGet":{"port":"http"},"failureThreshold":3},"readinessProbe":{"tcpSocket":{"port":8080}},"env":[{"name":"E","valueFrom":{"secretKeyRef":{"name":"n","key":"k"}}}],
            "securityContext":{"runAsUser":0,"privileged":false}}],"terminationGracePeriodSeconds":0},"status":{"phase":"Running","startTime":"2026-01-02T03:04:05Z"}}
            """;
        var type = SchemaCatalog.BuiltIn.Get("core/v1.Pod");
        var pod = JsonTree.ParseMap(Encoding.UTF8.GetBytes(Text));

        Assert.True(JsonTree.Same(pod, ProtobufDecoder.Decode(ProtobufEncoder.Encode(pod, type), type)), JsonTree.ToText(ProtobufDecoder.Decode(ProtobufEncoder.Encode(pod, type), type)));
    }

    /// <summary>Bytes as Go's generated marshallers write them, field by field.</summary>
    internal static byte[] SamplePod()
    {
        var meta = Join(Field(1, Text("p")), Field(2, []), Field(3, []), Field(8, Join(Number(1, 1767323045), Number(2, 0))), Field(11, Join(Field(1, Text("a")), Field(2, Text("b")))));
        var probe = Join(Field(1, Field(2, Field(2, Join(Number(1, 1), Number(2, 0), Field(3, Text("http")))))), Number(2, 0), Number(3, 0));
        var limits = Field(1, Join(Field(1, Text("cpu")), Field(2, Field(1, Text("100m")))));
        var container = Join(Field(1, Text("c")), Field(2, []), Field(8, limits), Field(10, probe), Number(16, 0), Field(20, []));
        var volume = Join(Field(1, Text("v")), Field(2, Field(2, [])));
        var spec = Join(Field(1, volume), Field(2, container), Field(3, []), Number(11, 0), Number(12, 1));
        var pod = Join(Field(1, meta), Field(2, spec));
        var type = Join(Field(1, Text("v1")), Field(2, Text("Pod")));
        return [.. "k8s\0"u8, .. Field(1, type), .. Field(2, pod), .. Field(3, []), .. Field(4, [])];
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Join(params byte[][] parts) => [.. parts.SelectMany(static p => p)];

    private static byte[] Field(int number, byte[] value) => [.. Varint((ulong)(number << 3 | 2)), .. Varint((ulong)value.Length), .. value];

    private static byte[] Number(int number, ulong value) => [.. Varint((ulong)(number << 3)), .. Varint(value)];

    private static IEnumerable<byte> Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            yield return (byte)(value | 0x80);
        }

        yield return (byte)value;
    }
}
