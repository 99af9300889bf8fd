using System.Text.Json;
using Gantry.Kube.Model.Meta.V1;

namespace Gantry.Kube.Model;

/// <summary>An object of the Kubernetes API with metadata, seen without its type.</summary>
public interface IKubeObject
{
    /// <summary>Group, version, kind and plural of the object's type.</summary>
    ResourceInfo Resource { get; }

    /// <summary>The object's metadata; never null.</summary>
    ObjectMeta Metadata { get; set; }

    /// <summary>Writes the object as JSON, with apiVersion and kind.</summary>
    void WriteJson(Utf8JsonWriter writer);
}

/// <summary>An object of the Kubernetes API. The generated classes implement it.</summary>
public interface IKubeObject<TSelf> : IKubeObject
    where TSelf : class, IKubeObject<TSelf>, new()
{
    /// <summary>Group, version, kind and plural of this type.</summary>
    static abstract ResourceInfo ResourceType { get; }

    /// <summary>Reads an object; the reader stands on its StartObject token. Throws JsonException for a wrong type.</summary>
    static abstract TSelf ReadJson(ref Utf8JsonReader reader);
}
