using System.Net;
using System.Threading.Channels;
using Google.Protobuf;

namespace Gantry.Grpc;

/// <summary>
/// A call that streams in both directions. One caller at a time may receive; any may send. The call ends when the server
/// ends it, when the connection breaks (<see cref="ReceiveAsync"/> throws), or when it is disposed.
/// </summary>
public sealed class GrpcStream<TRequest, TResponse> : IAsyncDisposable
    where TRequest : IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    // Requests of a stream are few and small (watches, keep-alives); a caller that finds it full waits.
    private const int MaxQueuedRequests = 64;

    private readonly GrpcChannel _channel;
    private readonly GrpcMethod<TRequest, TResponse> _method;
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<TRequest> _requests = Channel.CreateBounded<TRequest>(new BoundedChannelOptions(MaxQueuedRequests) { SingleReader = true });
    private readonly HttpRequestMessage _message;
    private readonly Task<HttpResponseMessage> _response;
    private Stream? _body;

    internal GrpcStream(GrpcChannel channel, GrpcMethod<TRequest, TResponse> method)
    {
        _channel = channel;
        _method = method;
        _message = GrpcChannel.NewRequest(channel.Address, method.Path, new RequestBody(_requests.Reader));
        _response = channel.SendAsync(_message, _stop.Token);
    }

    /// <summary>Queues a message. Throws Unavailable when the call has ended.</summary>
    public async ValueTask SendAsync(TRequest request, CancellationToken cancellationToken = default)
    {
        try
        {
            await _requests.Writer.WriteAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException e)
        {
            throw new GrpcException(GrpcStatusCode.Unavailable, $"{_channel.Address.Authority}: the call has ended", e);
        }
    }

    /// <summary>The next message, or null when the server ended the call with the status OK.</summary>
    public async ValueTask<TResponse?> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            var response = await _response.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (_body is null)
            {
                GrpcStatus.CheckHead(response);
                _body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            }

            var message = await MessageFrame.ReadAsync(_body, _method.Parser, cancellationToken).ConfigureAwait(false);
            if (message is null)
            {
                GrpcStatus.CheckEnd(response);
            }

            return message;
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw _channel.ToStatus(e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new GrpcException(GrpcStatusCode.Cancelled, $"{_channel.Address.Authority}: the call was ended", e);
        }
    }

    /// <summary>Ends the call at once.</summary>
    public async ValueTask DisposeAsync()
    {
        _requests.Writer.TryComplete();
        await _stop.CancelAsync().ConfigureAwait(false);
        if (_body is not null)
        {
            await _body.DisposeAsync().ConfigureAwait(false);
        }

        await ((Task)_response).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_response.IsCompletedSuccessfully)
        {
            _response.Result.Dispose();
        }

        _message.Dispose();
        _stop.Dispose();
    }

    /// <summary>The request's body: it stays open and carries each message as it is queued.</summary>
    private sealed class RequestBody(ChannelReader<TRequest> requests) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.FlushAsync().ConfigureAwait(false);
            await foreach (var request in requests.ReadAllAsync().ConfigureAwait(false))
            {
                await stream.WriteAsync(MessageFrame.Encode(request)).ConfigureAwait(false);
                await stream.FlushAsync().ConfigureAwait(false);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
