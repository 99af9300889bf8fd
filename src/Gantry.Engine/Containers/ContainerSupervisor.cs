using System.Collections.Concurrent;
using System.Globalization;
using Gantry.Engine.Events;
using Gantry.Engine.Execs;
using Gantry.Engine.Health;
using Gantry.Engine.Volumes;
using Gantry.Faults;
using Gantry.Monitor;
using Microsoft.Extensions.Logging;

namespace Gantry.Engine.Containers;

/// <summary>
/// Moves containers through their states: start, stop, kill, end, restart by policy, removal. Each change of one container
/// happens in its turn; each state is in the store before anybody is told.
/// </summary>
internal sealed partial class ContainerSupervisor(
    ContainerTable table, ContainerLauncher launcher, ContainerFactory factory, ExecService execs, VolumeStore volumes, EventHub events, TimeProvider time,
    ILogger<ContainerSupervisor> logger) : IAsyncDisposable
{
    private const int SigKill = 9;
    private const int SigTerm = 15;
    // Docker's restart back-off: 100 ms, doubled up to a minute; a run of ten seconds begins anew.
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_stableRun = TimeSpan.FromSeconds(10);
    // After SIGKILL an end is certain but for a process in uninterruptible sleep.
    private static readonly TimeSpan s_killTimeout = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentDictionary<Task, byte> _background = new();

    /// <summary>Set by a shutdown: restart policies rest.</summary>
    private volatile bool _stopping;

    internal async Task StartAsync(Container container, CancellationToken cancellationToken)
    {
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (container.Record.Status is ContainerStatus.Removing or ContainerStatus.Dead || container.Removed.Task.IsCompleted)
            {
                throw new FaultException(FaultKind.Conflict, "container is marked for removal and cannot be started");
            }

            if (container.Record.Status == ContainerStatus.Paused)
            {
                throw new FaultException(FaultKind.Conflict, "cannot start a paused container, try unpause instead");
            }

            if (container.Record.IsRunning)
            {
                throw new FaultException(FaultKind.NotModified, $"container {container.Id} is running already");
            }

            container.RestartDelay?.Cancel();
            container.QuickExits = 0;
            await StartInTurnAsync(container, restartCount: 0, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            container.Turn.Release();
        }
    }

    internal async Task StopAsync(Container container, TimeSpan timeout, string? signal, CancellationToken cancellationToken)
    {
        Task<int> exited = await RequestEndAsync(container, StopSignal(container, signal), cancellationToken).ConfigureAwait(false);
        if (!await EndsWithinAsync(exited, timeout < TimeSpan.Zero ? Timeout.InfiniteTimeSpan : timeout, cancellationToken).ConfigureAwait(false))
        {
            await KillNowAsync(container).ConfigureAwait(false);
            if (!await EndsWithinAsync(exited, s_killTimeout, cancellationToken).ConfigureAwait(false))
            {
                throw new FaultException(FaultKind.DeadlineExceeded, $"container {container.Id} did not end after SIGKILL");
            }
        }

        await WaitForTurnAsync(container, cancellationToken).ConfigureAwait(false);
        Publish(container, "stop");
    }

    internal async Task KillAsync(Container container, int signal, CancellationToken cancellationToken)
    {
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!container.Record.IsRunning || container.Monitor is null)
            {
                throw new FaultException(FaultKind.Conflict, $"cannot kill container: {container.Record.Name}: container {container.Id} is not running");
            }

            // A user who kills does not want the policy to start it again; other signals are messages.
            container.StopRequested |= signal is SigKill or SigTerm || signal == StopSignal(container, null);
            await container.Monitor.SignalAsync(signal, all: false, cancellationToken).ConfigureAwait(false);
            Publish(container, "kill", KeyValuePair.Create("signal", signal.ToString(CultureInfo.InvariantCulture)));
        }
        finally
        {
            container.Turn.Release();
        }
    }

    internal async Task RemoveAsync(Container container, bool force, bool removeVolumes, CancellationToken cancellationToken)
    {
        if (container.Record.IsRunning || container.Record.Status == ContainerStatus.Restarting)
        {
            if (!force)
            {
                throw new FaultException(
                    FaultKind.Conflict,
                    $"cannot remove container \"/{container.Record.Name}\": container is {container.Record.Status.ToString().ToLowerInvariant()}: stop the container before removing or force remove");
            }

            await KillForRemovalAsync(container, cancellationToken).ConfigureAwait(false);
        }

        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!container.Removed.Task.IsCompleted)
            {
                await RemoveInTurnAsync(container, removeVolumes).ConfigureAwait(false);
            }
        }
        finally
        {
            container.Turn.Release();
        }
    }

    /// <summary>Takes over a container that ran on while there was no gantryd.</summary>
    internal void Adopt(Container container, MonitorClient monitor)
    {
        container.Monitor = monitor;
        StartHealth(container);
        Track(WatchAsync(container, monitor));
    }

    /// <summary>Records an end that happened while there was no gantryd, and applies the restart policy.</summary>
    internal async Task RecordLostExitAsync(Container container, ExitRecord exit)
    {
        await container.Turn.WaitAsync().ConfigureAwait(false);
        try
        {
            await EndInTurnAsync(container, exit).ConfigureAwait(false);
        }
        finally
        {
            container.Turn.Release();
        }
    }

    internal void Publish(Container container, string action, params KeyValuePair<string, string>[] attributes)
    {
        ContainerRecord record = container.Record;
        Dictionary<string, string> all = new(record.Spec.Labels) { ["image"] = record.Spec.Image, ["name"] = record.Name };
        foreach ((string key, string value) in attributes)
        {
            all[key] = value;
        }

        events.Publish("container", action, record.Id, all);
    }

    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        await _closing.CancelAsync().ConfigureAwait(false);
        foreach (Container container in table.All())
        {
            container.Health?.Dispose();
            if (container.Monitor is { } monitor)
            {
                await monitor.DisposeAsync().ConfigureAwait(false);
            }
        }

        await Task.WhenAll(_background.Keys).ConfigureAwait(false);
    }

    private async Task StartInTurnAsync(Container container, int restartCount, CancellationToken cancellationToken)
    {
        container.StopRequested = false;
        if (container.Exited.Task.IsCompleted)
        {
            container.Exited = Container.NewSignal();
        }

        MonitorClient monitor;
        try
        {
            monitor = await launcher.LaunchAsync(container, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault)
        {
            int code = StartFailure.ExitCode(fault.Message);
            await table.SaveAsync(container, container.Record with
            {
                Error = fault.Message,
                ExitCode = code,
                Status = container.Record.Status == ContainerStatus.Restarting ? ContainerStatus.Exited : container.Record.Status,
            }).ConfigureAwait(false);
            container.Exited.TrySetResult(code);
            Publish(container, "die", KeyValuePair.Create("exitCode", code.ToString(CultureInfo.InvariantCulture)));
            if (container.Record.Spec.AutoRemove)
            {
                await RemoveInTurnAsync(container, removeVolumes: true).ConfigureAwait(false);
            }

            throw;
        }

        container.Monitor = monitor;
        await table.SaveAsync(container, container.Record with
        {
            Status = ContainerStatus.Running,
            Pid = monitor.Pid,
            StartedAt = time.GetUtcNow(),
            Error = "",
            ExitCode = 0,
            OomKilled = false,
            StoppedByUser = false,
            RestartCount = restartCount,
        }).ConfigureAwait(false);
        StartHealth(container);
        Track(WatchAsync(container, monitor));
        Publish(container, "start");
    }

    private async Task WatchAsync(Container container, MonitorClient monitor)
    {
        ExitRecord exit;
        try
        {
            exit = await monitor.WaitAsync(null, _closing.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        if (_closing.IsCancellationRequested)
        {
            // The connection was closed by this gantryd's own end: the container runs on.
            return;
        }

        await container.Turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (container.Monitor == monitor)
            {
                await EndInTurnAsync(container, exit).ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            LogEndFailed(exception, container.Id);
        }
        finally
        {
            container.Turn.Release();
        }
    }

    private async Task EndInTurnAsync(Container container, ExitRecord exit)
    {
        ContainerRecord record = container.Record;
        container.Health?.Dispose();
        container.Health = null;
        execs.Forget(record.Id);
        bool restarts = ShouldRestart(container, exit);
        ContainerRecord ended = record with
        {
            Status = restarts ? ContainerStatus.Restarting : ContainerStatus.Exited,
            Pid = 0,
            ExitCode = exit.ExitCode,
            OomKilled = exit.OomKilled,
            Error = exit.Error ?? "",
            FinishedAt = exit.FinishedAt,
            StoppedByUser = container.StopRequested,
        };
        bool removes = record.Spec.AutoRemove && !restarts && !_stopping;
        if (exit.Error is not null)
        {
            await launcher.CleanUpAsync(record).ConfigureAwait(false);
        }

        if (removes)
        {
            // Its removal is the next record: one less to be made durable.
            container.Record = ended;
        }
        else
        {
            await table.SaveAsync(container, ended).ConfigureAwait(false);
        }

        if (exit.OomKilled)
        {
            Publish(container, "oom");
        }

        Publish(container, "die", KeyValuePair.Create("exitCode", exit.ExitCode.ToString(CultureInfo.InvariantCulture)));
        TaskCompletionSource<int> exited = container.Exited;
        if (restarts)
        {
            container.Exited = Container.NewSignal();
        }

        exited.TrySetResult(exit.ExitCode);
        MonitorClient? monitor = container.Monitor;
        container.Monitor = null;
        if (removes)
        {
            await ForgetInTurnAsync(container).ConfigureAwait(false);
            // Ports are free before anybody hears of the removal; what only costs time is given back after it.
            await launcher.ReleaseNetworkAsync(record).ConfigureAwait(false);
            Publish(container, "destroy");
            container.Removed.TrySetResult(exit.ExitCode);
            Track(ReleaseFilesAsync(record, removeVolumes: true));
        }
        else
        {
            await launcher.ReleaseAsync(record).ConfigureAwait(false);
        }

        if (monitor is not null)
        {
            await monitor.DisposeAsync().ConfigureAwait(false);
        }

        if (restarts)
        {
            Track(RestartLaterAsync(container));
        }
    }

    private bool ShouldRestart(Container container, ExitRecord exit)
    {
        if (container.StopRequested || _stopping)
        {
            return false;
        }

        RestartPolicy policy = container.Record.Spec.RestartPolicy;
        return policy.Name switch
        {
            "always" or "unless-stopped" => true,
            "on-failure" => exit.ExitCode != 0 && (policy.MaximumRetryCount == 0 || container.Record.RestartCount < policy.MaximumRetryCount),
            _ => false,
        };
    }

    private async Task RestartLaterAsync(Container container)
    {
        ContainerRecord record = container.Record;
        bool stable = record is { StartedAt: { } started, FinishedAt: { } finished } && finished - started >= s_stableRun;
        container.QuickExits = stable ? 0 : container.QuickExits + 1;
        TimeSpan delay = s_firstDelay * Math.Pow(2, Math.Clamp(container.QuickExits - 1, 0, 16));
        using CancellationTokenSource cancelled = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        container.RestartDelay = cancelled;
        try
        {
            await Task.Delay(delay < s_longestDelay ? delay : s_longestDelay, time, cancelled.Token).ConfigureAwait(false);
            await container.Turn.WaitAsync(cancelled.Token).ConfigureAwait(false);
            try
            {
                container.RestartDelay = null;
                if (container.Record.Status == ContainerStatus.Restarting && !container.StopRequested)
                {
                    await StartInTurnAsync(container, container.Record.RestartCount + 1, CancellationToken.None).ConfigureAwait(false);
                }
            }
            finally
            {
                container.Turn.Release();
            }
        }
        catch (OperationCanceledException)
        {
            // A user's start or stop came first, or gantryd ends.
        }
        catch (FaultException fault)
        {
            LogRestartFailed(container.Id, fault.Message);
        }
    }

    private async Task RemoveInTurnAsync(Container container, bool removeVolumes)
    {
        ContainerRecord record = container.Record;
        await ForgetInTurnAsync(container).ConfigureAwait(false);
        await launcher.CleanUpAsync(record).ConfigureAwait(false);
        await ReleaseFilesAsync(record, removeVolumes).ConfigureAwait(false);
        Publish(container, "destroy");
        container.Removed.TrySetResult(record.ExitCode);
    }

    /// <summary>Removes the record, first of all: a removal that is cut off from here on is finished by the next start's sweep.</summary>
    private async Task ForgetInTurnAsync(Container container)
    {
        await table.RemoveAsync(container).ConfigureAwait(false);
        container.Health?.Dispose();
        container.Exited.TrySetResult(container.Record.ExitCode);
    }

    private async Task ReleaseFilesAsync(ContainerRecord record, bool removeVolumes)
    {
        try
        {
            await factory.RemoveFilesAsync(record.Id).ConfigureAwait(false);
            if (removeVolumes)
            {
                await RemoveAnonymousVolumesAsync(record).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is FaultException or IOException)
        {
            // The next start's sweep finds them.
            LogFilesLeft(exception, record.Id);
        }
    }

    private async Task RemoveAnonymousVolumesAsync(ContainerRecord record)
    {
        foreach (MountPoint point in record.MountPoints.Where(point => point.Anonymous))
        {
            bool used = table.All().Any(other => other.Record.MountPoints.Exists(used => used.Name == point.Name));
            if (!used && volumes.List().Any(volume => volume.Name == point.Name))
            {
                await volumes.RemoveAsync(point.Name, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private void StartHealth(Container container)
    {
        if (HealthMonitor.IsWanted(container.Record.Spec.Healthcheck))
        {
            container.Health = new HealthMonitor(container, execs, time, status => Publish(container, "health_status: " + status));
        }
    }

    private void Track(Task task)
    {
        _background[task] = 0;
        _ = task.ContinueWith(done => _background.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    [LoggerMessage(1200, LogLevel.Error, "Container {Container}: its end could not be processed")]
    private partial void LogEndFailed(Exception exception, string container);

    [LoggerMessage(1202, LogLevel.Warning, "Container {Container} was removed, but files of it were left")]
    private partial void LogFilesLeft(Exception exception, string container);

    [LoggerMessage(1201, LogLevel.Warning, "Container {Container} was not restarted: {Reason}")]
    private partial void LogRestartFailed(string container, string reason);
}
