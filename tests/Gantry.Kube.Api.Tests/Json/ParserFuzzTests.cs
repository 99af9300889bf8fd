using System.Text;
using System.Text.Json;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Protobuf;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Schemas;
using YamlDotNet.Core;

namespace Gantry.Kube.Api.Tests.Json;

/// <summary>Damaged input is refused with the parser's own error, or read; it never breaks anything else.</summary>
public sealed class ParserFuzzTests
{
    private const int Rounds = 4000;

    private static readonly string Sample = ClusterFixture.Deployment("fuzz", 3);

    [Fact]
    public void Json_Damaged_IsReadOrRefused() => Each(Encoding.UTF8.GetBytes(Sample), bytes =>
    {
        try
        {
            Normalize(JsonTree.Parse(bytes, []));
        }
        catch (JsonException)
        {
            // Refused.
        }
    });

    [Fact]
    public void Yaml_Damaged_IsReadOrRefused() => Each(Encoding.UTF8.GetBytes(YamlTree.ToText(JsonTree.ParseMap(Encoding.UTF8.GetBytes(Sample)))), bytes =>
    {
        try
        {
            Normalize(YamlTree.Parse(Encoding.UTF8.GetString(bytes), []));
        }
        catch (YamlException)
        {
            // Refused.
        }
    });

    [Fact]
    public void Protobuf_Damaged_IsReadOrRefused() => Each(ProtobufTests.SamplePod(), bytes =>
    {
        try
        {
            Normalize(ProtobufDecoder.Decode(bytes, SchemaCatalog.BuiltIn.Get("core/v1.Pod")));
        }
        catch (InvalidDataException)
        {
            // Refused.
        }
    });

    [Fact]
    public void Yaml_AliasBomb_IsRefused()
    {
        var bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 12; i++)
        {
            bomb.Append($"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        }

        Assert.Throws<YamlException>(() => YamlTree.Parse(bomb.ToString()));
    }

    [Theory]
    [InlineData("a: 0644", 420L)]
    [InlineData("a: 0o644", 420L)]
    [InlineData("a: -7", -7L)]
    [InlineData("a: 0x1F", 31L)]
    [InlineData("a: yes", true)]
    [InlineData("a: \"yes\"", "yes")]
    [InlineData("a: 1.5", 1.5)]
    [InlineData("a: 1.2.3", "1.2.3")]
    [InlineData("a: 2026-01-01", "2026-01-01")]
    [InlineData("a: ~", null)]
    [InlineData("a: !!str 5", "5")]
    [InlineData("a: |\n  x\n  y\n", "x\ny\n")]
    public void Yaml_Scalars_ResolveAsKubernetesReadsThem(string yaml, object? expected)
        => Assert.Equal(expected, ((JsonMap)YamlTree.Parse(yaml)!)["a"]);

    [Fact]
    public void Yaml_WrittenAndRead_IsTheSame()
    {
        var tree = JsonTree.ParseMap("""{"a":"yes","b":"1","c":"","d":"x\ny\n","e":[],"f":{},"g":[{"h":null,"i":1.5,"j":true}],"k":"# no","l":" s ","m":"null","n":"0x1"}"""u8);

        Assert.Equal(JsonTree.ToText(tree), JsonTree.ToText(YamlTree.Parse(YamlTree.ToText(tree))));
    }

    private static void Normalize(object? tree)
    {
        if (tree is not JsonMap map)
        {
            return;
        }

        try
        {
            var type = SchemaCatalog.BuiltIn.Get("apps/v1.Deployment");
            ObjectNormalizer.Normalize(map, type, []);
            ObjectDefaulter.Apply(map, type);
        }
        catch (KubeStatusException)
        {
            // A wrong type, reported as such.
        }
    }

    private static void Each(byte[] sample, Action<byte[]> check)
    {
        var random = new Random(20260131);
        for (var i = 0; i < Rounds; i++)
        {
            var bytes = sample.ToArray();
            for (var n = random.Next(1, 6); n > 0; n--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            check(random.Next(4) == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
        }
    }
}
