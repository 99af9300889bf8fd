using System.Buffers;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;

namespace Gantry.Kube.Api.Storage;

/// <summary>
/// One change of a resource. <c>Object</c> is the state after it, or for a deletion the last state at the deletion's
/// revision. <c>Previous</c> is the state before, null for a creation. Frames are encoded once and shared by all watchers.
/// </summary>
internal sealed class WatchRecord(KubeWatchEventType type, CachedObject obj, CachedObject? previous)
{
    private readonly byte[]?[] _frames = new byte[]?[3];

    public KubeWatchEventType Type { get; } = type;

    public CachedObject Object { get; } = obj;

    public CachedObject? Previous { get; } = previous;

    public long Revision => Object.Revision;

    /// <summary>The event as a line of a JSON watch stream, shown as <paramref name="type"/>.</summary>
    public ReadOnlyMemory<byte> Frame(KubeWatchEventType type)
    {
        ref var frame = ref _frames[(int)type];
        return frame ??= Encode(type, type == KubeWatchEventType.Deleted && Type != KubeWatchEventType.Deleted ? Previous!.At(Revision) : Object);
    }

    /// <summary>The object that an event of this record shows as <paramref name="type"/>.</summary>
    public CachedObject Shown(KubeWatchEventType type)
        => type == KubeWatchEventType.Deleted && Type != KubeWatchEventType.Deleted ? Previous!.At(Revision) : Object;

    public static byte[] Encode(KubeWatchEventType type, CachedObject obj)
    {
        var output = new ArrayBufferWriter<byte>(obj.Data.Length + 128);
        output.Write(type switch
        {
            KubeWatchEventType.Added => "{\"type\":\"ADDED\",\"object\":"u8,
            KubeWatchEventType.Modified => "{\"type\":\"MODIFIED\",\"object\":"u8,
            KubeWatchEventType.Deleted => "{\"type\":\"DELETED\",\"object\":"u8,
            _ => "{\"type\":\"BOOKMARK\",\"object\":"u8,
        });
        obj.Stored.WriteTo(output);
        output.Write("}\n"u8);
        return output.WrittenSpan.ToArray();
    }
}
