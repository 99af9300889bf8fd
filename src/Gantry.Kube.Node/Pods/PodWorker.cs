using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Containers;
using Gantry.Kube.Node.Runtime;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Node.Pods;

/// <summary>
/// One pod's loop. It compares the pod as the API has it with what the runtime reports, does the next thing that is missing,
/// writes the status, and sleeps until something changes: the pod, a container, a probe's verdict, or a time it waits for.
/// Nothing is remembered that a new kubelet could not find out again.
/// </summary>
/// <remarks>
/// The map: this file has the loop and the order of a sync; Containers starts and restarts; Termination ends pods; the
/// status is computed in <see cref="PodStatusBuilder"/>.
/// </remarks>
internal sealed partial class PodWorker : IAsyncDisposable
{
    // ConfigMap and Secret volumes are refreshed at least this often (kubelet's sync period is a minute).
    private static readonly TimeSpan s_resync = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly PodContext _context;
    private readonly string _uid;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly PodRuntimeState _state = new();
    private readonly Task _running;
    private volatile Pod? _pod;
    private volatile bool _deletedFromApi;
    private readonly Lock _gate = new();
    private CancellationTokenSource? _sync;

    public PodWorker(PodContext context, Pod pod, Action<string> ended)
    {
        _context = context;
        _uid = pod.Metadata.Uid!;
        _pod = pod;
        _running = Task.Run(async () =>
        {
            await RunAsync().ConfigureAwait(false);
            ended(_uid);
        });
        Wake();
    }

    /// <summary>The newest state of the pod, as the worker knows it.</summary>
    public Pod Pod => _pod!;

    /// <summary>Takes a new state of the pod.</summary>
    public void Update(Pod pod)
    {
        var wasDeleting = _pod!.Metadata.DeletionTimestamp is not null;
        _pod = pod;
        if (!wasDeleting && pod.Metadata.DeletionTimestamp is not null)
        {
            // A pull or a start that is under way must not hold up the deletion.
            InterruptSync();
        }

        Wake();
    }

    /// <summary>The pod is no longer in the API: it is ended without grace.</summary>
    public void Forget()
    {
        _deletedFromApi = true;
        InterruptSync();
        Wake();
    }

    /// <summary>Something about the pod's containers changed.</summary>
    public void Wake()
    {
        try
        {
            _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // A wake-up is pending already.
        }
    }

    /// <summary>Ends the loop; the pod's containers go on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _state.StopProbersAsync().ConfigureAwait(false);
    }

    private void InterruptSync()
    {
        lock (_gate)
        {
            // What waits for the token goes on elsewhere, not under this lock.
            _ = _sync?.CancelAsync();
        }
    }

    private CancellationTokenSource BeginSync()
    {
        lock (_gate)
        {
            return _sync = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        }
    }

    private void EndSync()
    {
        lock (_gate)
        {
            _sync?.Dispose();
            _sync = null;
        }
    }

    private async Task RunAsync()
    {
        var wait = TimeSpan.Zero;
        while (!_stop.IsCancellationRequested)
        {
            await ((Task)_wake.WaitAsync(wait, _stop.Token)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            var sync = BeginSync();
            try
            {
                if (await SyncAsync(sync.Token).ConfigureAwait(false) is not { } next)
                {
                    return;
                }

                wait = next - _context.Time.GetUtcNow();
                wait = wait < TimeSpan.Zero ? TimeSpan.Zero : wait < s_resync ? wait : s_resync;
            }
            catch (OperationCanceledException)
            {
                wait = TimeSpan.Zero;
            }
            catch (Exception failure)
            {
                if (failure is not FaultException { Kind: FaultKind.Conflict or FaultKind.NotFound })
                {
                    LogSyncFailed(_context.Logger, ObjectKey.Of(_pod!), failure);
                }

                wait = s_retry;
            }
            finally
            {
                EndSync();
            }
        }
    }

    /// <summary>One pass; returns when to look again, or null when the pod is gone for good.</summary>
    private async Task<DateTimeOffset?> SyncAsync(CancellationToken cancellationToken)
    {
        var pod = _pod!;
        if (_deletedFromApi || pod.Metadata.DeletionTimestamp is not null)
        {
            // Ending must not be interrupted by the cancellation that the deletion itself causes.
            await TerminateAsync(pod, _stop.Token).ConfigureAwait(false);
            return null;
        }

        await _state.LoadAsync(_context.Runtime, _uid, cancellationToken).ConfigureAwait(false);
        if (pod.IsTerminal())
        {
            await StopEverythingAsync(pod, GraceOf(pod), cancellationToken).ConfigureAwait(false);
            return Later(s_resync);
        }

        if (DeadlineExceeded(pod))
        {
            await FailAsync(pod, "DeadlineExceeded", "Pod was active on the node longer than the specified deadline", cancellationToken).ConfigureAwait(false);
            return Later(s_resync);
        }

        var next = await AdvanceAsync(pod, cancellationToken).ConfigureAwait(false);
        var status = PodStatusBuilder.Build(pod, _state, _context.Options, _context.Directories, _context.Time.GetUtcNow());
        await WriteStatusAsync(pod, status, cancellationToken).ConfigureAwait(false);
        if (status.Phase is "Succeeded" or "Failed")
        {
            await StopEverythingAsync(pod, GraceOf(pod), cancellationToken).ConfigureAwait(false);
        }

        if (pod.Spec!.ActiveDeadlineSeconds is { } seconds && pod.Status?.StartTime is { } start)
        {
            next = Earlier(next, start.AddSeconds(seconds));
        }

        return next;
    }

    /// <summary>Volumes, cgroup, sandbox, containers: whatever comes next for a pod that should run.</summary>
    private async Task<DateTimeOffset> AdvanceAsync(Pod pod, CancellationToken cancellationToken)
    {
        try
        {
            await _context.Volumes.EnsureAsync(pod, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault)
        {
            Record(pod, "Warning", "FailedMount", fault.Message);
            return Later(s_retry);
        }

        string cgroup;
        try
        {
            cgroup = _context.Cgroups.Ensure(pod);
            await EnsureSandboxAsync(pod, cgroup, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault)
        {
            Record(pod, "Warning", "FailedCreatePodSandBox", $"Failed to create pod sandbox: {fault.Message}");
            return Later(s_retry);
        }

        return await AdvanceContainersAsync(pod, cgroup, cancellationToken).ConfigureAwait(false);
    }

    private async Task EnsureSandboxAsync(Pod pod, string cgroup, CancellationToken cancellationToken)
    {
        if (_state.Sandbox is { Ready: true })
        {
            return;
        }

        var attempt = 0;
        if (_state.Sandbox is { } lost)
        {
            // Its containers cannot go on without their namespaces.
            await Task.WhenAll(_state.Containers.Where(container => container.State == PodContainerState.Running).Select(container => _context.Runtime.StopContainerAsync(container.Id, TimeSpan.Zero, cancellationToken))).ConfigureAwait(false);
            Record(pod, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
            foreach (var container in _state.Containers)
            {
                await _context.Runtime.RemoveContainerAsync(container.Id, cancellationToken).ConfigureAwait(false);
            }

            await _context.Runtime.RemoveSandboxAsync(lost.Id, cancellationToken).ConfigureAwait(false);
            attempt = lost.Attempt + 1;
        }

        await _context.Runtime.RunSandboxAsync(SandboxConfigBuilder.Build(pod, attempt, cgroup, _context.Options), cancellationToken).ConfigureAwait(false);
        await _state.LoadAsync(_context.Runtime, _uid, cancellationToken).ConfigureAwait(false);
    }

    private async Task WriteStatusAsync(Pod pod, PodStatus status, CancellationToken cancellationToken)
    {
        if (PodStatusBuilder.Same(_state.LastWritten ?? pod.Status, status))
        {
            return;
        }

        var update = pod.DeepClone();
        update.Status = status;
        // Statuses are written by this worker alone, so an outdated resourceVersion does not matter: conditions of others
        // are merged from the newest pod.
        update.Metadata.ResourceVersion = null;
        var written = await _context.Client.UpdateStatusAsync(update, cancellationToken).ConfigureAwait(false);
        _state.LastWritten = written.Status;
    }

    private bool DeadlineExceeded(Pod pod) =>
        pod.Spec!.ActiveDeadlineSeconds is { } seconds && pod.Status?.StartTime is { } start && start.AddSeconds(seconds) <= _context.Time.GetUtcNow();

    private void Record(Pod pod, string type, string reason, string message, string? fieldPath = null) =>
        _context.Events.Record(pod, "kubelet", type, reason, message, _context.Options.NodeName, fieldPath);

    private DateTimeOffset Later(TimeSpan time) => _context.Time.GetUtcNow() + time;

    private static DateTimeOffset Earlier(DateTimeOffset left, DateTimeOffset right) => left < right ? left : right;

    private static TimeSpan GraceOf(Pod pod) =>
        TimeSpan.FromSeconds(pod.Metadata.DeletionGracePeriodSeconds ?? pod.Spec!.TerminationGracePeriodSeconds ?? 30);

    [LoggerMessage(6001, LogLevel.Warning, "Pod {Pod} could not be synced and is tried again")]
    private static partial void LogSyncFailed(ILogger logger, string pod, Exception failure);
}
