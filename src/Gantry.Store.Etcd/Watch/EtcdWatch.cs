using System.Threading.Channels;
using Gantry.Faults;
using Gantry.Grpc;
using Gantry.Store.Etcd.Client;
using Gantry.Store.Etcd.Protos;
using Google.Protobuf;

namespace Gantry.Store.Etcd.Watch;

/// <summary>
/// One watch, on a stream of its own: an answer about progress then is about this watch. A loop reads the stream; when it
/// breaks, the loop opens another one after the last revision that was delivered whole, on another member if there is one.
/// </summary>
internal sealed class EtcdWatch : IStoreWatch
{
    /// <summary>How far a watcher may lag behind what happens while it is open, as for the embedded store.</summary>
    public const int MaxPendingEvents = 8192;

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(2);

    // etcd answers at once when the watch is at the store's end, and not at all while it catches up.
    private static readonly TimeSpan s_progressPatience = TimeSpan.FromMilliseconds(20);

    private readonly EtcdStore _store;
    private readonly EtcdClient _client;
    private readonly string _name;
    private readonly ByteString _key;
    private readonly ByteString _rangeEnd;
    private readonly long _backlogEnd;
    private readonly CancellationTokenSource _stop = new();

    // Not SingleReader: that implementation cannot count, and the count is the bound.
    private readonly Channel<StoreEvent> _events = Channel.CreateUnbounded<StoreEvent>(new UnboundedChannelOptions { SingleWriter = true });
    private readonly TaskCompletionSource _caughtUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _wake = new(0);
    private readonly List<StoreEvent> _fragments = [];
    private Task _running = Task.CompletedTask;
    private long _progress;
    private long _wanted;
    private int _limit = int.MaxValue;

    private EtcdWatch(EtcdStore store, EtcdClient client, string name, bool isPrefix, long afterRevision, long backlogEnd)
    {
        _store = store;
        _client = client;
        _name = name;
        _key = store.Keys.Data(name);
        _rangeEnd = isPrefix ? EtcdKeys.EndOf(_key) : ByteString.Empty;
        _progress = afterRevision;
        _backlogEnd = backlogEnd;
    }

    /// <inheritdoc/>
    public ChannelReader<StoreEvent> Events => _events.Reader;

    /// <inheritdoc/>
    public long Progress => Volatile.Read(ref _progress);

    /// <summary>
    /// Opens a watch of a key, or of all that begin with it, and waits until everything up to <paramref name="backlogEnd"/> is
    /// in it.
    /// </summary>
    public static async ValueTask<EtcdWatch> OpenAsync(
        EtcdStore store, EtcdClient client, string name, bool isPrefix, long afterRevision, long backlogEnd, CancellationToken cancellationToken)
    {
        var watch = new EtcdWatch(store, client, name, isPrefix, afterRevision, backlogEnd);
        store.Remember(watch);
        watch._running = Task.Run(watch.RunAsync, CancellationToken.None);
        watch.RequestProgress(backlogEnd);
        try
        {
            await watch._caughtUp.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            return watch;
        }
        catch
        {
            await watch.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public void RequestProgress(long revision)
    {
        if (revision <= Progress)
        {
            return;
        }

        for (var wanted = Volatile.Read(ref _wanted); revision > wanted; wanted = Volatile.Read(ref _wanted))
        {
            if (Interlocked.CompareExchange(ref _wanted, revision, wanted) == wanted)
            {
                _wake.Release();
                return;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_stop.IsCancellationRequested)
        {
            _store.Forget(this);
            await _stop.CancelAsync().ConfigureAwait(false);
            await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            End(null);
        }
    }

    /// <summary>Ends the watch with a reason that its reader sees.</summary>
    public void End(Exception? reason)
    {
        _events.Writer.TryComplete(reason);
        if (reason is null)
        {
            _caughtUp.TrySetCanceled();
        }
        else
        {
            _caughtUp.TrySetException(reason);
        }
    }

    private async Task RunAsync()
    {
        var pause = s_firstPause;
        while (!_stop.IsCancellationRequested && !_events.Reader.Completion.IsCompleted)
        {
            var before = Progress;
            var stream = _client.Open(EtcdMethods.Watch, out var member);
            await using (stream.ConfigureAwait(false))
            {
                try
                {
                    await FollowAsync(stream).ConfigureAwait(false);
                }
                catch (GrpcException e)
                {
                    _client.Leave(member, e);
                    if (!EtcdFaults.IsTransient(e) && e.Status != GrpcStatusCode.DeadlineExceeded)
                    {
                        End(EtcdFaults.Translate(e));
                        return;
                    }
                }
                catch (OperationCanceledException) when (_stop.IsCancellationRequested)
                {
                    return;
                }
                catch (FaultException e)
                {
                    End(e);
                    return;
                }
                catch (Exception e)
                {
                    // Whoever waits for the watch must hear of it, whatever was broken.
                    End(new FaultException(FaultKind.Internal, $"the watch of {_name} stopped: {e.Message}", e));
                    return;
                }
            }

            pause = Progress > before ? s_firstPause : Min(pause * 2, s_longestPause);
            await Task.Delay(pause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Reads one stream until it breaks.</summary>
    private async Task FollowAsync(GrpcStream<WatchRequest, WatchResponse> stream)
    {
        _fragments.Clear();
        await stream.SendAsync(
            new WatchRequest
            {
                CreateRequest = new WatchCreateRequest
                {
                    Key = _key,
                    RangeEnd = _rangeEnd,
                    StartRevision = _store.ToEtcd(Progress) + 1,
                    PrevKv = true,
                    // A transaction of many large values would otherwise be one message of any size.
                    Fragment = true,
                },
            },
            _stop.Token).ConfigureAwait(false);
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var asking = Task.CompletedTask;
        try
        {
            while (await stream.ReceiveAsync(_stop.Token).ConfigureAwait(false) is { } response)
            {
                if (response.Canceled)
                {
                    throw Canceled(response);
                }

                if (response.Created)
                {
                    EndBacklog();
                    asking = AskForProgressAsync(stream, broken.Token);
                    continue;
                }

                if (!Deliver(response))
                {
                    return;
                }
            }
        }
        finally
        {
            await broken.CancelAsync().ConfigureAwait(false);
            await asking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private FaultException Canceled(WatchResponse response) => response.CompactRevision > 0
        ? _store.Forgotten(Progress, _store.ToStore(response.CompactRevision))
        : new GrpcException(GrpcStatusCode.Unavailable, $"the watch was ended: {response.CancelReason}");

    /// <summary>Hands a response's events on; false when the watcher was too slow and has been closed.</summary>
    private bool Deliver(WatchResponse response)
    {
        foreach (var item in response.Events)
        {
            _fragments.Add(Convert(item));
        }

        if (response.Fragment)
        {
            return true;
        }

        foreach (var item in _fragments)
        {
            if (_events.Reader.Count >= _limit)
            {
                End(new FaultException(FaultKind.ResourceExhausted, $"the watch of {_name} fell {_limit} events behind and was closed"));
                return false;
            }

            _events.Writer.TryWrite(item);
        }

        // Without events it is an answer about progress: everything up to the header's revision was sent. With events the
        // header may be ahead of them, and only what was delivered counts; etcd never splits a revision but in fragments.
        var reached = _fragments.Count > 0 ? _fragments[^1].Revision : _store.ToStore(response.Header.Revision);
        _fragments.Clear();
        Volatile.Write(ref _progress, Math.Max(Progress, reached));
        _store.Observe(reached);
        EndBacklog();
        return true;
    }

    /// <summary>Once what was there when the watch was opened is delivered, its reader may lag by no more than the limit.</summary>
    private void EndBacklog()
    {
        if (_limit == int.MaxValue && Progress >= _backlogEnd)
        {
            _limit = _events.Reader.Count + MaxPendingEvents;
            _caughtUp.TrySetResult();
        }
    }

    private StoreEvent Convert(Event item)
    {
        var revision = _store.ToStore(item.Kv.ModRevision);
        if (item.PrevKv is null && (item.Type == Event.Types.EventType.Delete || item.Kv.CreateRevision != item.Kv.ModRevision))
        {
            // Compacted between the change and now: what was there before cannot be told.
            throw _store.Forgotten(Progress, revision);
        }

        var created = item.Type == Event.Types.EventType.Delete ? item.PrevKv!.CreateRevision : item.Kv.CreateRevision;
        return new StoreEvent(
            _store.Keys.Name(item.Kv.Key),
            revision,
            _store.ToStore(created),
            item.Type == Event.Types.EventType.Delete ? default(ReadOnlyMemory<byte>?) : item.Kv.Value.Memory,
            item.PrevKv is null ? default(ReadOnlyMemory<byte>?) : item.PrevKv.Value.Memory);
    }

    private async Task AskForProgressAsync(GrpcStream<WatchRequest, WatchResponse> stream, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (Volatile.Read(ref _wanted) > Progress)
            {
                await stream.SendAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() }, cancellationToken).ConfigureAwait(false);
                await _wake.WaitAsync(s_progressPatience, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await _wake.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
