using System.Text;
using Google.Protobuf;

namespace Gantry.Store.Etcd;

/// <summary>
/// Where things are in etcd: the store's keys below PREFIX/data, its own records below PREFIX/meta, so that no range or
/// watch of the one shows the other.
/// </summary>
internal sealed class EtcdKeys
{
    private readonly byte[] _data;

    public EtcdKeys(string prefix)
    {
        _data = Encoding.UTF8.GetBytes(prefix + "/data");
        Clock = ByteString.CopyFromUtf8(prefix + "/meta/clock");
        Compacted = ByteString.CopyFromUtf8(prefix + "/meta/compacted");
        Format = ByteString.CopyFromUtf8(prefix + "/meta/format");
        Import = ByteString.CopyFromUtf8(prefix + "/meta/import");
        Snapshots = ByteString.CopyFromUtf8(prefix + "/meta/snapshots/");
        Elections = ByteString.CopyFromUtf8(prefix + "/meta/elections/");
        Everything = ByteString.CopyFromUtf8(prefix + "/");
    }

    /// <summary>The time in Unix milliseconds, written with commits: its value at a revision is that revision's time.</summary>
    public ByteString Clock { get; }

    /// <summary>The revision up to which the window of reads and watches is closed; what is older is history.</summary>
    public ByteString Compacted { get; }

    /// <summary>The version of this layout and the distance between the store's revisions and etcd's.</summary>
    public ByteString Format { get; }

    /// <summary>There while a store is being moved into this prefix, which is not complete until it is gone.</summary>
    public ByteString Import { get; }

    /// <summary>Named revisions; ends with a slash.</summary>
    public ByteString Snapshots { get; }

    /// <summary>Who leads what; ends with a slash.</summary>
    public ByteString Elections { get; }

    /// <summary>Begins every key of this store.</summary>
    public ByteString Everything { get; }

    public ByteString Election(string role) => ByteString.CopyFromUtf8(Elections.ToStringUtf8() + role);

    public ByteString Snapshot(string name) => ByteString.CopyFromUtf8(Snapshots.ToStringUtf8() + name);

    public ByteString Data(string key)
    {
        var bytes = new byte[_data.Length + Encoding.UTF8.GetByteCount(key)];
        _data.CopyTo(bytes, 0);
        Encoding.UTF8.GetBytes(key, bytes.AsSpan(_data.Length));
        return UnsafeByteOperations.UnsafeWrap(bytes);
    }

    public string Name(ByteString key) => Encoding.UTF8.GetString(key.Span[_data.Length..]);

    /// <summary>The first key after all that begin with a prefix (etcd's "range_end" of a prefix).</summary>
    public static ByteString EndOf(ByteString prefix)
    {
        var end = prefix.ToByteArray();
        for (var i = end.Length - 1; i >= 0; i--)
        {
            if (end[i] < 0xff)
            {
                end[i]++;
                return UnsafeByteOperations.UnsafeWrap(end.AsMemory(0, i + 1));
            }
        }

        // "\0" alone: everything from the key on.
        return ByteString.CopyFrom(0);
    }

    /// <summary>The first key after one.</summary>
    public static ByteString After(ByteString key)
    {
        var next = new byte[key.Length + 1];
        key.CopyTo(next, 0);
        return UnsafeByteOperations.UnsafeWrap(next);
    }
}
