using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Controllers.Deployments;

/// <summary>
/// The identity of a pod template: equal templates (apart from the pod-template-hash label) are equal whatever the order
/// of their maps, and get the same short name.
/// </summary>
internal static class TemplateHash
{
    public const string Label = "pod-template-hash";

    // Kubernetes' alphabet for generated names: no vowels and no look-alikes (apimachinery's rand.SafeEncodeString).
    private const string Alphabet = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>The template as canonical text, to compare by.</summary>
    public static string Canonical(PodTemplateSpec template)
    {
        var copy = template.DeepClone();
        copy.Metadata?.Labels?.Remove(Label);
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            copy.WriteJson(writer);
        }

        var text = new StringBuilder();
        Append(text, JsonNode.Parse(buffer.WrittenSpan));
        return text.ToString();
    }

    /// <summary>The hash of a template as it goes into names and labels; a collision count makes another one.</summary>
    public static string Compute(string canonical, int collisionCount)
    {
        // FNV-1a, 32 bits.
        var hash = 2166136261u;
        foreach (var value in Encoding.UTF8.GetBytes(collisionCount == 0 ? canonical : canonical + collisionCount.ToString(CultureInfo.InvariantCulture)))
        {
            hash = (hash ^ value) * 16777619u;
        }

        return string.Concat(hash.ToString(CultureInfo.InvariantCulture).Select(digit => Alphabet[digit % Alphabet.Length]));
    }

    private static void Append(StringBuilder text, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                text.Append('{');
                foreach (var (name, value) in map.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    text.Append(name).Append(':');
                    Append(text, value);
                    text.Append(',');
                }

                text.Append('}');
                break;
            case JsonArray list:
                text.Append('[');
                foreach (var item in list)
                {
                    Append(text, item);
                    text.Append(',');
                }

                text.Append(']');
                break;
            default:
                text.Append(node?.ToJsonString() ?? "null");
                break;
        }
    }
}
