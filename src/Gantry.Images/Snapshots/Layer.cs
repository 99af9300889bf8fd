using System.Text.Json.Serialization;
using Gantry.Oci;

namespace Gantry.Images.Snapshots;

/// <summary>
/// An unpacked layer on its parents. <c>SizeBytes</c> is the sum of its files' sizes.
/// </summary>
public sealed record Layer(Digest ChainId, Digest? Parent, Digest DiffId, long SizeBytes)
{
    /// <summary>The name of its directory.</summary>
    internal string Directory { get; init; } = "";
}

/// <summary>A snapshot's difference from its parent as a stored blob.</summary>
public sealed record LayerBlob(Digest DiffId, Descriptor Blob, Digest? Parent, long SizeBytes)
{
    /// <summary>The ChainID of the layer on its parent.</summary>
    public Digest ChainId => Oci.ChainId.Append(Parent, DiffId);
}

// A layer as it is stored; the key holds the ChainID.
internal sealed record LayerRecord
{
    [JsonPropertyName("directory")]
    public string Directory { get; set; } = "";

    [JsonPropertyName("parent")]
    public Digest? Parent { get; set; }

    [JsonPropertyName("diffId")]
    public Digest DiffId { get; set; }

    [JsonPropertyName("size")]
    public long SizeBytes { get; set; }
}
