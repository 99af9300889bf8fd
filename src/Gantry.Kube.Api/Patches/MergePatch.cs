using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Patches;

/// <summary>RFC 7386.</summary>
internal static class MergePatch
{
    public static JsonMap Apply(JsonMap target, JsonMap patch)
    {
        foreach (var (key, value) in patch)
        {
            switch (value)
            {
                case null: target.Remove(key); break;
                case JsonMap map: target[key] = Apply(target.Map(key) ?? [], map); break;
                default: target[key] = JsonTree.Clone(value); break;
            }
        }

        return target;
    }
}
