using System.Globalization;
using Gantry.Faults;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Probes;
using Gantry.Kube.Node.Runtime;

namespace Gantry.Kube.Node.Pods;

/// <summary>Starting and restarting the containers of a pod.</summary>
internal sealed partial class PodWorker
{
    private async Task<DateTimeOffset> AdvanceContainersAsync(Pod pod, string cgroup, CancellationToken cancellationToken)
    {
        var next = Later(s_resync);
        var appsBegan = pod.Spec!.Containers.Exists(container => _state.Latest(container.Name) is not null);
        foreach (var init in pod.Spec.InitContainers ?? [])
        {
            var isSidecar = init.RestartPolicy == "Always";
            if (appsBegan && !isSidecar)
            {
                continue;
            }

            next = Earlier(next, await AdvanceOneAsync(pod, init, cgroup, isSidecar ? "Always" : InitPolicy(pod), cancellationToken).ConfigureAwait(false));
            if (!appsBegan && !InitDone(init, isSidecar))
            {
                return next;
            }
        }

        if (AllEnded(pod))
        {
            return next;
        }

        foreach (var container in pod.Spec.Containers)
        {
            next = Earlier(next, await AdvanceOneAsync(pod, container, cgroup, pod.Spec.RestartPolicy ?? "Always", cancellationToken).ConfigureAwait(false));
        }

        return next;
    }

    /// <summary>Brings one container forward; returns when to look at it again.</summary>
    private async Task<DateTimeOffset> AdvanceOneAsync(Pod pod, Container container, string cgroup, string restartPolicy, CancellationToken cancellationToken)
    {
        var latest = _state.Latest(container.Name);
        switch (latest?.State)
        {
            case PodContainerState.Running:
                return await WatchRunningAsync(pod, container, latest, cancellationToken).ConfigureAwait(false);
            case PodContainerState.Created:
                // Made by a kubelet that was killed before it started it, or it could not be started: begin again.
                await _context.Runtime.RemoveContainerAsync(latest.Id, cancellationToken).ConfigureAwait(false);
                return await StartAsync(pod, container, latest.Attempt, cgroup, cancellationToken).ConfigureAwait(false);
            case PodContainerState.Exited:
                await _state.StopProberAsync(container.Name).ConfigureAwait(false);
                if (restartPolicy == "Never" || (restartPolicy == "OnFailure" && latest.ExitCode == 0) || (IsPlainInit(pod, container) && latest.ExitCode == 0))
                {
                    return Later(s_resync);
                }

                var due = RestartBackoff.Due(latest);
                if (due > _context.Time.GetUtcNow())
                {
                    var delay = RestartBackoff.DelayBefore(latest);
                    var message = string.Create(CultureInfo.InvariantCulture, $"back-off {GoDuration(delay)} restarting failed container={container.Name} pod={pod.Metadata.Name}_{pod.Metadata.Namespace}({_uid})");
                    _state.Waiting[container.Name] = ("CrashLoopBackOff", message);
                    Record(pod, "Warning", "BackOff", $"Back-off restarting failed container {container.Name} in pod {pod.Metadata.Name}_{pod.Metadata.Namespace}({_uid})", FieldPath(pod, container));
                    return due;
                }

                await PruneAsync(container, latest, cancellationToken).ConfigureAwait(false);
                return await StartAsync(pod, container, latest.Attempt + 1, cgroup, cancellationToken).ConfigureAwait(false);
            default:
                return await StartAsync(pod, container, 0, cgroup, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<DateTimeOffset> WatchRunningAsync(Pod pod, Container container, PodContainer running, CancellationToken cancellationToken)
    {
        _state.Waiting.Remove(container.Name);
        var prober = _state.Prober(container.Name);
        if (prober?.ContainerId != running.Id)
        {
            await _state.StopProberAsync(container.Name).ConfigureAwait(false);
            if (!IsPlainInit(pod, container))
            {
                BeginProbing(pod, container, running);
            }
        }
        else if (prober.Failed)
        {
            Record(pod, "Normal", "Killing", $"Container {container.Name} failed {prober.FailedKind.ToLowerInvariant()} probe, will be restarted", FieldPath(pod, container));
            var grace = prober.FailedProbe?.TerminationGracePeriodSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : GraceOf(pod);
            await _state.StopProberAsync(container.Name).ConfigureAwait(false);
            await StopContainerAsync(pod, container, running, grace, cancellationToken).ConfigureAwait(false);
            await _state.LoadAsync(_context.Runtime, _uid, cancellationToken).ConfigureAwait(false);
            return _context.Time.GetUtcNow();
        }

        return Later(s_resync);
    }

    private void BeginProbing(Pod pod, Container container, PodContainer running)
    {
        var address = _state.Sandbox!.Address is { Length: > 0 } own ? own : _context.Options.NodeAddress;
        _state.SetProber(container.Name, new ContainerProber(_context.Probes, container, running.Id, address, Wake, (kind, message) =>
            Record(pod, "Warning", "Unhealthy", $"{kind} probe failed: {message}", FieldPath(pod, container))));
    }

    private async Task<DateTimeOffset> StartAsync(Pod pod, Container container, int attempt, string cgroup, CancellationToken cancellationToken)
    {
        var image = await _context.Images.EnsureAsync(pod, container, cancellationToken).ConfigureAwait(false);
        if (image.Image is null)
        {
            _state.Waiting[container.Name] = (image.Reason!, image.Message!);
            return image.RetryAt!.Value;
        }

        string id;
        try
        {
            var config = await _context.Configs.BuildAsync(pod, container, attempt, image.Image, _state.Sandbox!, cgroup, cancellationToken).ConfigureAwait(false);
            id = await _context.Runtime.CreateContainerAsync(_state.Sandbox!, config, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault)
        {
            var reason = fault.Kind is FaultKind.FailedPrecondition or FaultKind.InvalidArgument or FaultKind.NotImplemented ? "CreateContainerConfigError" : "CreateContainerError";
            _state.Waiting[container.Name] = (reason, fault.Message);
            Record(pod, "Warning", "Failed", $"Error: {fault.Message}", FieldPath(pod, container));
            return Later(TimeSpan.FromSeconds(2));
        }

        Record(pod, "Normal", "Created", $"Created container: {container.Name}", FieldPath(pod, container));
        try
        {
            await _context.Runtime.StartContainerAsync(id, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault)
        {
            // The runtime keeps it as ended with the reason; the restart policy decides what follows.
            Record(pod, "Warning", "Failed", $"Error: {fault.Message}", FieldPath(pod, container));
            await _state.LoadAsync(_context.Runtime, _uid, cancellationToken).ConfigureAwait(false);
            return _context.Time.GetUtcNow();
        }

        _state.Waiting.Remove(container.Name);
        Record(pod, "Normal", "Started", $"Started container {container.Name}", FieldPath(pod, container));
        await _state.LoadAsync(_context.Runtime, _uid, cancellationToken).ConfigureAwait(false);
        if (_state.Latest(container.Name) is { State: PodContainerState.Running } running)
        {
            await RunPostStartAsync(pod, container, running, cancellationToken).ConfigureAwait(false);
            return await WatchRunningAsync(pod, container, running, cancellationToken).ConfigureAwait(false);
        }

        return _context.Time.GetUtcNow();
    }

    private async Task RunPostStartAsync(Pod pod, Container container, PodContainer running, CancellationToken cancellationToken)
    {
        if (container.Lifecycle?.PostStart is not { } hook)
        {
            return;
        }

        var failure = await RunHookAsync(hook, container, running, TimeSpan.FromMinutes(2), cancellationToken).ConfigureAwait(false);
        if (failure is not null)
        {
            Record(pod, "Warning", "FailedPostStartHook", $"PostStartHook failed: {failure}", FieldPath(pod, container));
            await StopContainerAsync(pod, container, running, GraceOf(pod), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Runs a lifecycle hook; null on success.</summary>
    private async Task<string?> RunHookAsync(LifecycleHandler hook, Container container, PodContainer running, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            if (hook.Exec is { } exec)
            {
                var outcome = await _context.Runtime.RunAsync(running.Id, exec.Command ?? [], timeout, cancellationToken).ConfigureAwait(false);
                return outcome.ExitCode == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"command '{string.Join(' ', exec.Command ?? [])}' exited with {outcome.ExitCode}: {outcome.Output}");
            }

            if (hook.HttpGet is { } get)
            {
                using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                deadline.CancelAfter(timeout);
                var (succeeded, message) = await _context.Probes.GetAsync(get, container, _state.Sandbox!.Address, deadline.Token).ConfigureAwait(false);
                return succeeded ? null : message;
            }

            if (hook.Sleep is { } sleep)
            {
                var time = TimeSpan.FromSeconds(Math.Max(0, sleep.Seconds));
                await Task.Delay(time < timeout ? time : timeout, _context.Time, cancellationToken).ConfigureAwait(false);
            }

            return null;
        }
        catch (FaultException fault)
        {
            return fault.Message;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return "the hook took longer than the grace period";
        }
    }

    /// <summary>Removes all runs of a container but the newest, which stays for its log and last state.</summary>
    private async Task PruneAsync(Container container, PodContainer latest, CancellationToken cancellationToken)
    {
        foreach (var old in _state.Containers.Where(candidate => candidate.Name == container.Name && candidate.Id != latest.Id).ToList())
        {
            await _context.Runtime.RemoveContainerAsync(old.Id, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool InitDone(Container init, bool isSidecar)
    {
        var latest = _state.Latest(init.Name);
        return isSidecar
            ? latest?.State == PodContainerState.Running && _state.Prober(init.Name)?.Started != false
            : latest is { State: PodContainerState.Exited, ExitCode: 0 };
    }

    private bool AllEnded(Pod pod)
    {
        var policy = pod.Spec!.RestartPolicy ?? "Always";
        return policy != "Always" && pod.Spec.Containers.TrueForAll(container =>
            _state.Latest(container.Name) is { State: PodContainerState.Exited } ended && (policy == "Never" || ended.ExitCode == 0));
    }

    private static string InitPolicy(Pod pod) => pod.Spec!.RestartPolicy == "Never" ? "Never" : "OnFailure";

    private static bool IsPlainInit(Pod pod, Container container) =>
        container.RestartPolicy != "Always" && pod.Spec!.InitContainers?.Contains(container) == true;

    private static string FieldPath(Pod pod, Container container) =>
        pod.Spec!.InitContainers?.Contains(container) == true ? $"spec.initContainers{{{container.Name}}}" : $"spec.containers{{{container.Name}}}";

    private static string GoDuration(TimeSpan time)
    {
        var seconds = (long)time.TotalSeconds;
        return seconds < 60 ? string.Create(CultureInfo.InvariantCulture, $"{seconds}s") : string.Create(CultureInfo.InvariantCulture, $"{seconds / 60}m{seconds % 60}s");
    }
}
