using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Resources;

/// <summary>
/// An object as stored: JSON without a resource version, which is the revision of the key (as upstream keeps it). A
/// revision of 0 means that nothing was stored (a dry run).
/// </summary>
internal readonly record struct StoredObject(ResourceType Resource, ReadOnlyMemory<byte> Data, long Revision)
{
    private static ReadOnlySpan<byte> VersionOpen => "\"resourceVersion\":\""u8;

    private static ReadOnlySpan<byte> VersionClose => "\","u8;

    private static ReadOnlySpan<byte> ItemOpen => "{\"metadata\":{"u8;

    /// <summary>Encodes an object for the store: kind, apiVersion and metadata first, no resource version.</summary>
    public static byte[] Encode(ResourceType resource, JsonMap obj)
    {
        var metadata = obj.MapOrNew("metadata");
        var ordered = new JsonMap(obj.Count + 2) { ["kind"] = resource.Kind, ["apiVersion"] = resource.ApiVersion, ["metadata"] = metadata };
        foreach (var (key, value) in obj)
        {
            ordered.TryAdd(key, value);
        }

        metadata.Remove("resourceVersion", out var version);
        var bytes = JsonTree.ToUtf8(ordered);
        if (version is not null)
        {
            metadata["resourceVersion"] = version;
        }

        return bytes;
    }

    /// <summary>The object's tree, with its resource version.</summary>
    public JsonMap ToTree()
    {
        var tree = JsonTree.ParseMap(Data.Span);
        if (Revision > 0)
        {
            tree.MapOrNew("metadata")["resourceVersion"] = Revision.ToString(CultureInfo.InvariantCulture);
        }

        return tree;
    }

    /// <summary>The object in the form of the resource through which it is asked for.</summary>
    public StoredObject As(ResourceType requested)
        => requested.StoredAs == requested ? this : new(requested, Encode(requested, EventConversion.FromCore(ToTree())), Revision);

    /// <summary>Writes the object's JSON with its resource version.</summary>
    public void WriteTo(IBufferWriter<byte> output) => Write(output, Resource.ObjectPrefix);

    /// <summary>Writes the object as an item of a list, without kind and apiVersion.</summary>
    public void WriteItemTo(IBufferWriter<byte> output) => Write(output, ItemOpen);

    private void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> open)
    {
        var rest = Data.Span[Resource.ObjectPrefix.Length..];
        output.Write(open);
        if (Revision > 0)
        {
            output.Write(VersionOpen);
            var span = output.GetSpan(20);
            Utf8Formatter.TryFormat(Revision, span, out var written);
            output.Advance(written);
            output.Write(VersionClose);
        }

        output.Write(rest);
    }
}
