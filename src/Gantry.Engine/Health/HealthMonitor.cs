using System.Text;
using Gantry.Engine.Containers;
using Gantry.Engine.Execs;
using Gantry.Faults;

namespace Gantry.Engine.Health;

/// <summary>Runs one container's health check again and again while it runs. Disposing ends it.</summary>
internal sealed class HealthMonitor : IDisposable
{
    // Docker's defaults (docs.docker.com, HEALTHCHECK).
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_startInterval = TimeSpan.FromSeconds(5);
    private const int Retries = 3;
    private const int OutputLimit = 4096;
    private const int KeptResults = 5;
    private readonly Container _container;
    private readonly ExecService _execs;
    private readonly TimeProvider _time;
    private readonly Action<string> _changed;
    private readonly HealthcheckSpec _check;
    private readonly CancellationTokenSource _ending = new();

    internal HealthMonitor(Container container, ExecService execs, TimeProvider time, Action<string> changed)
    {
        _container = container;
        _execs = execs;
        _time = time;
        _changed = changed;
        _check = container.Record.Spec.Healthcheck!;
        _ = Task.Run(RunAsync);
    }

    internal HealthStatus Status { get; private set; } = new("starting", 0, []);

    public void Dispose() => _ending.Cancel();

    internal static bool IsWanted(HealthcheckSpec? check) => check is { Test: [not "NONE", ..] };

    private async Task RunAsync()
    {
        DateTimeOffset started = _time.GetUtcNow();
        TimeSpan startPeriod = Nanoseconds(_check.StartPeriodNs, TimeSpan.Zero);
        try
        {
            while (true)
            {
                bool starting = Status.Status == "starting" && _time.GetUtcNow() - started < startPeriod;
                TimeSpan pause = starting ? Nanoseconds(_check.StartIntervalNs, s_startInterval) : Nanoseconds(_check.IntervalNs, s_interval);
                await Task.Delay(pause, _time, _ending.Token).ConfigureAwait(false);
                if (_container.Record.Status == ContainerStatus.Paused)
                {
                    continue;
                }

                HealthResult result = await ProbeAsync().ConfigureAwait(false);
                Take(result, inStartPeriod: _time.GetUtcNow() - started < startPeriod);
            }
        }
        catch (OperationCanceledException)
        {
            // The container has ended.
        }
    }

    private async Task<HealthResult> ProbeAsync()
    {
        DateTimeOffset start = _time.GetUtcNow();
        List<string> command = _check.Test[0] == "CMD-SHELL" ? ["/bin/sh", "-c", _check.Test.ElementAtOrDefault(1) ?? ""] : [.. _check.Test.Skip(1)];
        try
        {
            ExecResult result = await _execs.RunAsync(
                _container, new ExecSpec { Arguments = command }, Nanoseconds(_check.TimeoutNs, s_timeout), OutputLimit, _ending.Token).ConfigureAwait(false);
            return new HealthResult(start, _time.GetUtcNow(), result.ExitCode, Encoding.UTF8.GetString([.. result.Stdout, .. result.Stderr]));
        }
        catch (FaultException fault)
        {
            string output = fault.Kind == FaultKind.DeadlineExceeded ? $"Health check exceeded timeout ({Nanoseconds(_check.TimeoutNs, s_timeout).TotalSeconds}s)" : fault.Message;
            return new HealthResult(start, _time.GetUtcNow(), -1, output);
        }
    }

    private void Take(HealthResult result, bool inStartPeriod)
    {
        HealthStatus before = Status;
        int retries = _check.Retries > 0 ? _check.Retries : Retries;
        bool failed = result.ExitCode != 0;
        bool counts = failed && !(inStartPeriod && before.Status == "starting");
        int streak = counts ? before.FailingStreak + 1 : failed ? before.FailingStreak : 0;
        string status = !failed ? "healthy" : streak >= retries ? "unhealthy" : before.Status;
        Status = new HealthStatus(status, streak, [.. before.Log.TakeLast(KeptResults - 1), result]);
        if (status != before.Status)
        {
            _changed(status);
        }
    }

    private static TimeSpan Nanoseconds(long value, TimeSpan otherwise) => value > 0 ? TimeSpan.FromTicks(value / 100) : otherwise;
}
