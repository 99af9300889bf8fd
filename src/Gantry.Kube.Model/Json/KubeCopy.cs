using System.Diagnostics.CodeAnalysis;

namespace Gantry.Kube.Model.Json;

/// <summary>Copies collections for the generated DeepClone methods.</summary>
internal static class KubeCopy
{
    [return: NotNullIfNotNull(nameof(list))]
    public static List<T>? Objects<T>(List<T>? list)
        where T : class, IKubeType<T>, new()
    {
        if (list is null)
        {
            return null;
        }

        var copy = new List<T>(list.Count);
        foreach (var item in list)
        {
            copy.Add(item.DeepClone());
        }

        return copy;
    }

    [return: NotNullIfNotNull(nameof(list))]
    public static List<T>? Values<T>(List<T>? list) => list is null ? null : [.. list];

    [return: NotNullIfNotNull(nameof(map))]
    public static Dictionary<string, T>? ObjectMap<T>(Dictionary<string, T>? map)
        where T : class, IKubeType<T>, new()
        => map?.ToDictionary(static pair => pair.Key, static pair => pair.Value.DeepClone());

    /// <summary>Byte arrays are shared: nothing writes into one.</summary>
    [return: NotNullIfNotNull(nameof(map))]
    public static Dictionary<string, T>? ValueMap<T>(Dictionary<string, T>? map) => map is null ? null : new(map);

    [return: NotNullIfNotNull(nameof(map))]
    public static Dictionary<string, List<T>>? ListMap<T>(Dictionary<string, List<T>>? map)
        => map?.ToDictionary(static pair => pair.Key, static pair => new List<T>(pair.Value));
}
