using Gantry.Faults;
using Gantry.Monitor;

namespace Gantry.Engine.Containers;

/// <content>Ending, freezing and changing running containers.</content>
internal sealed partial class ContainerSupervisor
{
    /// <summary>For down: ends all containers, with their stop signals and times, all at once.</summary>
    internal async Task StopAllAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        await Task.WhenAll(table.All().Select(async container =>
        {
            if (container.Record.IsRunning || container.Record.Status == ContainerStatus.Restarting)
            {
                // A shutdown is no user's stop: unless-stopped starts it again.
                int seconds = container.Record.Spec.StopTimeoutSeconds ?? 10;
                try
                {
                    await StopAsync(container, TimeSpan.FromSeconds(seconds), null, cancellationToken).ConfigureAwait(false);
                }
                catch (FaultException fault) when (fault.Kind == FaultKind.NotModified)
                {
                    // It ended by itself meanwhile.
                }

                await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
                await table.SaveAsync(container, container.Record with { StoppedByUser = false }).ConfigureAwait(false);
                container.Turn.Release();
            }
        })).ConfigureAwait(false);
        // The last of those that removed themselves.
        await Task.WhenAll(_background.Keys).ConfigureAwait(false);
    }

    internal async Task FreezeAsync(Container container, EngineOptions options, bool freeze, CancellationToken cancellationToken)
    {
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ContainerRecord record = container.Record;
            ContainerStatus wanted = freeze ? ContainerStatus.Running : ContainerStatus.Paused;
            if (record.Status != wanted)
            {
                throw new FaultException(FaultKind.Conflict, !record.IsRunning ? $"container {record.Id} is not running"
                    : freeze ? $"container {record.Id} is already paused" : $"container {record.Id} is not paused");
            }

            ContainerCgroup.Open(options, record).SetFrozen(freeze);
            await table.SaveAsync(container, record with { Status = freeze ? ContainerStatus.Paused : ContainerStatus.Running }).ConfigureAwait(false);
            Publish(container, freeze ? "pause" : "unpause");
        }
        finally
        {
            container.Turn.Release();
        }
    }

    internal async Task UpdateAsync(Container container, EngineOptions options, ResourceSpec? resources, RestartPolicy? policy, CancellationToken cancellationToken)
    {
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ContainerRecord record = container.Record;
            ResourceSpec merged = resources ?? record.Spec.Resources;
            Specs.ResourceTranslation.Validate(merged);
            if (policy is not null && policy.Name is not ("no" or "") && record.Spec.AutoRemove)
            {
                throw new FaultException(FaultKind.InvalidArgument, "Restart policy cannot be updated because AutoRemove is enabled for the container");
            }

            if (record.IsRunning && resources is not null)
            {
                ContainerCgroup.Open(options, record).Apply(Specs.ResourceTranslation.Limits(merged));
            }

            ContainerSpec spec = record.Spec with { Resources = merged, RestartPolicy = policy ?? record.Spec.RestartPolicy };
            await table.SaveAsync(container, record with { Spec = spec }).ConfigureAwait(false);
            Publish(container, "update");
        }
        finally
        {
            container.Turn.Release();
        }
    }

    private async Task<Task<int>> RequestEndAsync(Container container, int signal, CancellationToken cancellationToken)
    {
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (container.Record.Status == ContainerStatus.Restarting)
            {
                container.StopRequested = true;
                container.RestartDelay?.Cancel();
                await table.SaveAsync(container, container.Record with { Status = ContainerStatus.Exited, StoppedByUser = true }).ConfigureAwait(false);
                container.Exited.TrySetResult(container.Record.ExitCode);
                return container.Exited.Task;
            }

            if (!container.Record.IsRunning || container.Monitor is not { } monitor)
            {
                throw new FaultException(FaultKind.NotModified, $"container {container.Id} is not running");
            }

            container.StopRequested = true;
            await SignalAsync(monitor, signal, all: false).ConfigureAwait(false);
            Publish(container, "kill", KeyValuePair.Create("signal", signal.ToString(System.Globalization.CultureInfo.InvariantCulture)));
            return container.Exited.Task;
        }
        finally
        {
            container.Turn.Release();
        }
    }

    private async Task KillForRemovalAsync(Container container, CancellationToken cancellationToken)
    {
        try
        {
            await StopAsync(container, TimeSpan.Zero, "SIGKILL", cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotModified)
        {
            // It ended by itself meanwhile.
        }
    }

    private static async Task KillNowAsync(Container container)
    {
        if (container.Monitor is { } monitor)
        {
            await SignalAsync(monitor, SigKill, all: true).ConfigureAwait(false);
        }
    }

    private static async Task SignalAsync(MonitorClient monitor, int signal, bool all)
    {
        try
        {
            await monitor.SignalAsync(signal, all, CancellationToken.None).ConfigureAwait(false);
        }
        catch (FaultException)
        {
            // It has ended in this moment: its end is what is waited for.
        }
    }

    private static async Task<bool> EndsWithinAsync(Task<int> exited, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            await exited.WaitAsync(timeout, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Until the end was processed: its ports and addresses are then free.</summary>
    private static async Task WaitForTurnAsync(Container container, CancellationToken cancellationToken)
    {
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        container.Turn.Release();
    }

    private static int StopSignal(Container container, string? asked)
    {
        string text = asked is { Length: > 0 } ? asked : container.Record.Spec.StopSignal;
        return text.Length == 0 ? SigTerm : SignalName.Parse(text);
    }
}
