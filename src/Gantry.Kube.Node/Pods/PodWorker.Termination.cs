using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Runtime;

namespace Gantry.Kube.Node.Pods;

/// <summary>Ending a pod: drain, hooks, signals, clean-up, and the last word to the API.</summary>
internal sealed partial class PodWorker
{
    private async Task TerminateAsync(Pod pod, CancellationToken cancellationToken)
    {
        await _state.LoadAsync(_context.Runtime, _uid, cancellationToken).ConfigureAwait(false);
        var grace = _deletedFromApi ? TimeSpan.Zero : GraceOf(pod);
        if (grace > TimeSpan.Zero && _state.Sandbox is { Address.Length: > 0 } sandbox)
        {
            // Kubernetes sends SIGTERM while the endpoint is still being removed, which is why its users add a preStop
            // sleep. Here the pod first leaves the Services' maps.
            await _context.Drain.WaitAsync(sandbox.Address, pod.IsReady(), cancellationToken).ConfigureAwait(false);
        }

        await StopEverythingAsync(pod, grace, cancellationToken).ConfigureAwait(false);
        if (!_deletedFromApi)
        {
            await WriteLastStatusAsync(pod, cancellationToken).ConfigureAwait(false);
        }

        foreach (var container in _state.Containers)
        {
            await _context.Runtime.RemoveContainerAsync(container.Id, cancellationToken).ConfigureAwait(false);
        }

        if (_state.Sandbox is { } last)
        {
            await _context.Runtime.RemoveSandboxAsync(last.Id, cancellationToken).ConfigureAwait(false);
        }

        _context.Volumes.Remove(_uid);
        _context.Cgroups.Remove(_uid);
        _context.Tokens.Forget(_uid);
        _context.Images.Forget(_uid);
        if (!_deletedFromApi)
        {
            await DeleteFromApiAsync(pod, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Stops probing, ends all containers (sidecars last) and releases the sandbox's network.</summary>
    private async Task StopEverythingAsync(Pod pod, TimeSpan grace, CancellationToken cancellationToken)
    {
        await _state.StopProbersAsync().ConfigureAwait(false);
        var sidecars = (pod.Spec!.InitContainers ?? []).Where(init => init.RestartPolicy == "Always").Select(init => init.Name).ToHashSet(StringComparer.Ordinal);
        var running = _state.Containers.Where(container => container.State == PodContainerState.Running).ToList();
        await StopAllAsync(pod, running.Where(container => !sidecars.Contains(container.Name)), grace, cancellationToken).ConfigureAwait(false);
        await StopAllAsync(pod, running.Where(container => sidecars.Contains(container.Name)), grace, cancellationToken).ConfigureAwait(false);
        if (_state.Sandbox is { Ready: true } sandbox)
        {
            await _context.Runtime.StopSandboxAsync(sandbox.Id, cancellationToken).ConfigureAwait(false);
        }

        await _state.LoadAsync(_context.Runtime, _uid, cancellationToken).ConfigureAwait(false);
    }

    private Task StopAllAsync(Pod pod, IEnumerable<PodContainer> containers, TimeSpan grace, CancellationToken cancellationToken) =>
        Task.WhenAll(containers.Select(container =>
        {
            var spec = pod.Spec!.Containers.Concat(pod.Spec.InitContainers ?? []).FirstOrDefault(candidate => candidate.Name == container.Name) ?? new Container { Name = container.Name };
            Record(pod, "Normal", "Killing", $"Stopping container {container.Name}", FieldPath(pod, spec));
            return StopContainerAsync(pod, spec, container, grace, cancellationToken);
        }));

    /// <summary>The preStop hook, then the stop signal, then SIGKILL; hook and signal share the grace.</summary>
    private async Task StopContainerAsync(Pod pod, Container container, PodContainer running, TimeSpan grace, CancellationToken cancellationToken)
    {
        var started = _context.Time.GetTimestamp();
        if (container.Lifecycle?.PreStop is { } hook && grace > TimeSpan.Zero)
        {
            var failure = await RunHookAsync(hook, container, running, grace, cancellationToken).ConfigureAwait(false);
            if (failure is not null)
            {
                Record(pod, "Warning", "FailedPreStopHook", $"PreStopHook failed: {failure}", FieldPath(pod, container));
            }
        }

        var left = grace - _context.Time.GetElapsedTime(started);
        // After a hook that used it all up, the container still gets kubelet's minimum of two seconds.
        var least = grace > TimeSpan.Zero ? TimeSpan.FromSeconds(2) : TimeSpan.Zero;
        await _context.Runtime.StopContainerAsync(running.Id, left > least ? left : least, cancellationToken).ConfigureAwait(false);
    }

    private async Task WriteLastStatusAsync(Pod pod, CancellationToken cancellationToken)
    {
        try
        {
            var status = PodStatusBuilder.Build(pod, _state, _context.Options, _context.Directories, _context.Time.GetUtcNow());
            await WriteStatusAsync(pod, status, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind is FaultKind.NotFound or FaultKind.Conflict)
        {
            // Deleted by force meanwhile: nobody is left to read it.
        }
    }

    private async Task DeleteFromApiAsync(Pod pod, CancellationToken cancellationToken)
    {
        try
        {
            await _context.Client.DeleteAsync<Pod>(pod.Metadata.Namespace, pod.Metadata.Name!, new KubeDeleteOptions(GracePeriodSeconds: 0, PreconditionUid: _uid), cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind is FaultKind.NotFound or FaultKind.Conflict)
        {
            // Gone already, or another pod has the name by now.
        }
    }

    private async Task FailAsync(Pod pod, string reason, string message, CancellationToken cancellationToken)
    {
        await StopEverythingAsync(pod, GraceOf(pod), cancellationToken).ConfigureAwait(false);
        Record(pod, "Normal", reason, message);
        var status = PodStatusBuilder.Build(pod, _state, _context.Options, _context.Directories, _context.Time.GetUtcNow());
        status.Phase = "Failed";
        status.Reason = reason;
        status.Message = message;
        await WriteStatusAsync(pod, status, cancellationToken).ConfigureAwait(false);
    }
}
