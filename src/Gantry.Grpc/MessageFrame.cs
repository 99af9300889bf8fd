using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;

namespace Gantry.Grpc;

/// <summary>Length-prefixed messages, as they stand in a body (PROTOCOL-HTTP2.md, "Length-Prefixed-Message").</summary>
internal static class MessageFrame
{
    private const int HeaderSizeBytes = 5;

    /// <summary>The most that a message of a server may have. etcd's answers have no bound of their own.</summary>
    private const int MaxMessageBytes = 1 << 30;

    public static ReadOnlyMemory<byte> Encode(IMessage message)
    {
        var size = message.CalculateSize();
        var frame = new byte[HeaderSizeBytes + size];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), size);
        message.WriteTo(frame.AsSpan(HeaderSizeBytes));
        return frame;
    }

    /// <summary>The next message, or null at the end of the body.</summary>
    public static async ValueTask<T?> ReadAsync<T>(Stream body, MessageParser<T> parser, CancellationToken cancellationToken)
        where T : class, IMessage<T>
    {
        var header = new byte[HeaderSizeBytes];
        var got = await body.ReadAtLeastAsync(header, HeaderSizeBytes, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (got == 0)
        {
            return null;
        }

        if (got < HeaderSizeBytes)
        {
            throw new GrpcException(GrpcStatusCode.Internal, "the answer ends within a message's header");
        }

        if (header[0] != 0)
        {
            throw new GrpcException(GrpcStatusCode.Unimplemented, "the answer is compressed, which was not offered");
        }

        var size = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1));
        if (size is < 0 or > MaxMessageBytes)
        {
            throw new GrpcException(GrpcStatusCode.ResourceExhausted, $"the answer has {(uint)size} bytes; at most {MaxMessageBytes} are taken");
        }

        var buffer = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            await body.ReadExactlyAsync(buffer.AsMemory(0, size), cancellationToken).ConfigureAwait(false);
            return parser.ParseFrom(new ReadOnlySequence<byte>(buffer, 0, size));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new GrpcException(GrpcStatusCode.Internal, $"the answer is no {typeof(T).Name}: {e.Message}", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
