using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Patches;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Schemas;

namespace Gantry.Kube.Api.Tests.Patches;

/// <summary>Each folder below Cases/ is a case: the object before, the patch, and the object after.</summary>
public sealed class PatchCaseTests
{
    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "Patches", "Cases");

    public static TheoryData<string> Cases()
        => new(Directory.GetFiles(Root, "patch.json", SearchOption.AllDirectories).Select(static f => Path.GetRelativePath(Root, Path.GetDirectoryName(f)!)).Order());

    [Theory]
    [MemberData(nameof(Cases))]
    public void Apply_Case_GivesTheExpectedObject(string name)
    {
        object? Read(string file) => JsonTree.Parse(File.ReadAllBytes(Path.Combine(Root, name, file)));
        var type = SchemaCatalog.BuiltIn.Tables.SelectMany(static t => t.Types).First(t => t.Name == File.ReadAllText(Path.Combine(Root, name, "kind")).Trim());
        var before = (JsonMap)Read("before.json")!;
        var after = name.Split('/')[0] switch
        {
            "strategic" => StrategicMergePatch.Apply(before, (JsonMap)Read("patch.json")!, type),
            "merge" => MergePatch.Apply(before, (JsonMap)Read("patch.json")!),
            _ => JsonPatch.Apply(before, Read("patch.json")),
        };

        Assert.True(JsonTree.Same(Read("after.json"), after), JsonTree.ToText(after));
    }

    [Theory]
    [InlineData("""[{"op":"test","path":"/a","value":2}]""")]
    [InlineData("""[{"op":"remove","path":"/b"}]""")]
    [InlineData("""[{"op":"replace","path":"/b","value":1}]""")]
    [InlineData("""[{"op":"add","path":"/l/7","value":1}]""")]
    [InlineData("""[{"op":"fly","path":"/a"}]""")]
    [InlineData("""[{"op":"add","path":"a","value":1}]""")]
    [InlineData("""[{"op":"remove","path":""}]""")]
    public void JsonPatch_ThatDoesNotFit_IsInvalid(string patch)
    {
        var document = JsonTree.ParseMap("""{"a":1,"l":[1]}"""u8);

        Assert.Equal(422, Assert.Throws<KubeStatusException>(() => JsonPatch.Apply(document, JsonTree.Parse(System.Text.Encoding.UTF8.GetBytes(patch)))).Code);
    }
}
