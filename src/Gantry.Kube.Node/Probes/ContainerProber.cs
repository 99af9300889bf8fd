using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Node.Probes;

/// <summary>
/// Runs the probes of one running container until disposed, and keeps their verdicts. Startup comes first; liveness and
/// readiness wait for it. The owner is told of every change of a verdict.
/// </summary>
internal sealed class ContainerProber : IAsyncDisposable
{
    // kubelet asks for readiness every period from the start, so that a quick container waits up to 10 s for its first
    // Ready. Here the first success is looked for in ever longer steps up to the period.
    private static readonly TimeSpan s_firstStep = TimeSpan.FromMilliseconds(100);

    private readonly ProbeAction _action;
    private readonly Container _container;
    private readonly string _containerId;
    private readonly string _podAddress;
    private readonly Action _changed;
    private readonly Action<string, string> _unhealthy;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private volatile bool _started;
    private volatile bool _ready;
    private volatile bool _failed;

    /// <summary>Starts probing; <paramref name="unhealthy"/> gets the kind (Liveness, ...) and the message of each failure.</summary>
    public ContainerProber(ProbeAction action, Container container, string containerId, string podAddress, Action changed, Action<string, string> unhealthy)
    {
        _action = action;
        _container = container;
        _containerId = containerId;
        _podAddress = podAddress;
        _changed = changed;
        _unhealthy = unhealthy;
        _started = container.StartupProbe is null;
        _ready = _started && container.ReadinessProbe is null;
        _running = Task.Run(RunAsync);
    }

    public string ContainerId => _containerId;

    /// <summary>The startup probe has succeeded, or there is none.</summary>
    public bool Started => _started;

    /// <summary>The readiness probe succeeds, or there is none (and the container has started).</summary>
    public bool Ready => _ready;

    /// <summary>Liveness or startup failed: the container has to be killed. The probe that failed is <see cref="FailedProbe"/>.</summary>
    public bool Failed => _failed;

    /// <summary>The probe that failed, once <see cref="Failed"/>.</summary>
    public Probe? FailedProbe { get; private set; }

    /// <summary>Which probe failed: Liveness or Startup.</summary>
    public string FailedKind { get; private set; } = "";

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        if (_container.StartupProbe is { } startup && !await WatchAsync(startup, "Startup", untilFirstSuccess: true).ConfigureAwait(false))
        {
            return;
        }

        if (!_started)
        {
            _started = true;
            _ready = _container.ReadinessProbe is null;
            _changed();
        }

        List<Task> probes = [];
        if (_container.LivenessProbe is { } liveness)
        {
            probes.Add(WatchAsync(liveness, "Liveness", untilFirstSuccess: false));
        }

        if (_container.ReadinessProbe is { } readiness)
        {
            probes.Add(WatchReadinessAsync(readiness));
        }

        await Task.WhenAll(probes).ConfigureAwait(false);
    }

    /// <summary>Probes until it fails too often (false) or, if asked, succeeds (true).</summary>
    private async Task<bool> WatchAsync(Probe probe, string kind, bool untilFirstSuccess)
    {
        await Delay(TimeSpan.FromSeconds(probe.InitialDelaySeconds ?? 0)).ConfigureAwait(false);
        var failures = 0;
        while (true)
        {
            var (succeeded, message) = await _action.RunAsync(probe, _container, _containerId, _podAddress, _stop.Token).ConfigureAwait(false);
            _stop.Token.ThrowIfCancellationRequested();
            failures = succeeded ? 0 : failures + 1;
            if (succeeded && untilFirstSuccess)
            {
                return true;
            }

            if (!succeeded)
            {
                _unhealthy(kind, message);
            }

            if (failures >= (probe.FailureThreshold ?? 3))
            {
                FailedProbe = probe;
                FailedKind = kind;
                _failed = true;
                _changed();
                return false;
            }

            await Delay(TimeSpan.FromSeconds(Math.Max(1, probe.PeriodSeconds ?? 10))).ConfigureAwait(false);
        }
    }

    private async Task WatchReadinessAsync(Probe probe)
    {
        await Delay(TimeSpan.FromSeconds(probe.InitialDelaySeconds ?? 0)).ConfigureAwait(false);
        var period = TimeSpan.FromSeconds(Math.Max(1, probe.PeriodSeconds ?? 10));
        var step = s_firstStep;
        var (successes, failures) = (0, 0);
        var everReady = false;
        while (true)
        {
            var (succeeded, message) = await _action.RunAsync(probe, _container, _containerId, _podAddress, _stop.Token).ConfigureAwait(false);
            _stop.Token.ThrowIfCancellationRequested();
            (successes, failures) = succeeded ? (successes + 1, 0) : (0, failures + 1);
            if (!succeeded && (everReady || step >= period))
            {
                _unhealthy("Readiness", message);
            }

            if (!_ready && successes >= (probe.SuccessThreshold ?? 1))
            {
                everReady = _ready = true;
                _changed();
            }
            else if (_ready && failures >= (probe.FailureThreshold ?? 3))
            {
                _ready = false;
                _changed();
            }

            await Delay(everReady || step >= period ? period : step).ConfigureAwait(false);
            step *= 2;
        }
    }

    private Task Delay(TimeSpan time) => time > TimeSpan.Zero ? Task.Delay(time, _stop.Token) : Task.CompletedTask;
}
