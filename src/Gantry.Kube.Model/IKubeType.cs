using System.Text.Json;

namespace Gantry.Kube.Model;

/// <summary>A generated class: an object of the API, or a part of one.</summary>
public interface IKubeType<TSelf>
    where TSelf : class, IKubeType<TSelf>, new()
{
    /// <summary>Reads an object; the reader stands on its StartObject token. Throws JsonException for a wrong type.</summary>
    static abstract TSelf ReadJson(ref Utf8JsonReader reader);

    /// <summary>Writes the object as JSON.</summary>
    void WriteJson(Utf8JsonWriter writer);

    /// <summary>A copy that shares nothing mutable with this object.</summary>
    TSelf DeepClone();
}
