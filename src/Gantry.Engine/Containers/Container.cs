using Gantry.Engine.Health;
using Gantry.Monitor;

namespace Gantry.Engine.Containers;

/// <summary>
/// One container in memory. Whoever changes it holds <see cref="Turn"/>; <see cref="Record"/> may be read at any time and is
/// always a whole snapshot that is in the store.
/// </summary>
internal sealed class Container(ContainerRecord record) : IDisposable
{
    private volatile ContainerRecord _record = record;

    /// <summary>Held by the one who changes the container.</summary>
    internal SemaphoreSlim Turn { get; } = new(1, 1);

    internal ContainerRecord Record
    {
        get => _record;
        set => _record = value;
    }

    internal string Id => _record.Id;

    /// <summary>The running container's monitor.</summary>
    internal MonitorClient? Monitor { get; set; }

    /// <summary>Completes with the exit code when the present (or, before a start, the next) run ends.</summary>
    internal TaskCompletionSource<int> Exited { get; set; } = NewSignal();

    /// <summary>Completes when the container is removed.</summary>
    internal TaskCompletionSource<int> Removed { get; } = NewSignal();

    /// <summary>Streams that wait for the start. Guarded by locking the list.</summary>
    internal List<ContainerStreams> Waiting { get; } = [];

    /// <summary>Cancels a restart that waits for its time.</summary>
    internal CancellationTokenSource? RestartDelay { get; set; }

    /// <summary>Restarts in a row that ended soon: the exponent of the back-off.</summary>
    internal int QuickExits { get; set; }

    /// <summary>A user asked for the end of this run, so that the restart policy does not apply to it.</summary>
    internal bool StopRequested { get; set; }

    internal HealthMonitor? Health { get; set; }

    public void Dispose() => Turn.Dispose();

    internal static TaskCompletionSource<int> NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
