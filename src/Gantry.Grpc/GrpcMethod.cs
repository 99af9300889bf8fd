using Google.Protobuf;

namespace Gantry.Grpc;

/// <summary>A method: its path (<c>/package.Service/Method</c>) and the parser of its answers.</summary>
public sealed record GrpcMethod<TRequest, TResponse>(string Path, MessageParser<TResponse> Parser)
    where TRequest : IMessage<TRequest>
    where TResponse : IMessage<TResponse>;
