namespace Gantry.Store.Tests.Host;

/// <summary>How requests and answers look on the pipe between <see cref="ProcessStore"/> and <see cref="StoreHost"/>.</summary>
internal static class Wire
{
    public const byte Commit = 1;
    public const byte Get = 2;
    public const byte Range = 3;
    public const byte Watch = 4;
    public const byte Answer = 5;
    public const byte Fault = 6;
    public const byte Event = 7;

    public static void WriteBytes(BinaryWriter writer, ReadOnlyMemory<byte>? bytes)
    {
        writer.Write(bytes?.Length ?? -1);
        writer.Write(bytes is { } there ? there.Span : default);
    }

    public static ReadOnlyMemory<byte>? ReadBytes(BinaryReader reader) =>
        reader.ReadInt32() is >= 0 and var length ? reader.ReadBytes(length) : default(ReadOnlyMemory<byte>?);

    public static void WriteEntry(BinaryWriter writer, StoreEntry? entry)
    {
        writer.Write(entry is not null);
        if (entry is not null)
        {
            writer.Write(entry.Key);
            WriteBytes(writer, entry.Value);
            writer.Write(entry.CreateRevision);
            writer.Write(entry.ModRevision);
        }
    }

    public static StoreEntry? ReadEntry(BinaryReader reader) =>
        reader.ReadBoolean() ? new StoreEntry(reader.ReadString(), ReadBytes(reader)!.Value, reader.ReadInt64(), reader.ReadInt64()) : null;
}
