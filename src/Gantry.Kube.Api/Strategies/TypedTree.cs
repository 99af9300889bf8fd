using System.Text.Json;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Model;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Turns trees into generated classes, for validation in typed code.</summary>
internal static class TypedTree
{
    public static T Read<T>(JsonMap tree)
        where T : class, IKubeType<T>, new()
        => Read<T>(JsonTree.ToUtf8(tree));

    public static T Read<T>(ReadOnlySpan<byte> json)
        where T : class, IKubeType<T>, new()
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        return T.ReadJson(ref reader);
    }
}
