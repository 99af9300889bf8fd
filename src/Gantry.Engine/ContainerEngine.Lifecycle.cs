using Gantry.Engine.Containers;
using Gantry.Faults;
using Gantry.Network.Sandboxes;

namespace Gantry.Engine;

/// <summary>What a wait waits for.</summary>
public enum WaitCondition
{
    /// <summary>Until it does not run; at once when it does not run now.</summary>
    NotRunning,

    /// <summary>Until the next end of a run, also of one that has not begun.</summary>
    NextExit,

    /// <summary>Until it is removed.</summary>
    Removed,
}

/// <content>The life of a container.</content>
public sealed partial class ContainerEngine
{
    /// <summary>
    /// Creates a container. <c>NotFound</c> for an unknown image, <c>Conflict</c> for a taken name, <c>InvalidArgument</c> for what cannot be.
    /// </summary>
    public async Task<ContainerRecord> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken)
    {
        if (spec.SandboxId is { } sandbox)
        {
            Sandboxes.Get(sandbox);
        }
        else if (spec.NetworkMode is not ("none" or "host") && !spec.NetworkMode.StartsWith("container:", StringComparison.Ordinal))
        {
            Networks.GetNetwork(spec.NetworkMode is "" or "default" ? "bridge" : spec.NetworkMode);
        }

        Container container = await _factory.CreateAsync(spec, cancellationToken).ConfigureAwait(false);
        _supervisor.Publish(container, "create");
        return container.Record;
    }

    /// <summary>Starts a container; <c>NotModified</c> when it runs. When its program cannot be executed, the reason is thrown and recorded.</summary>
    public Task StartAsync(string reference, CancellationToken cancellationToken) => _supervisor.StartAsync(_table.Get(reference), cancellationToken);

    /// <summary>
    /// Asks a container to end by its stop signal (or the given one), kills it when the time is over, and returns when it has
    /// ended; <c>NotModified</c> when it does not run. A null time is the container's own; a negative one waits for ever.
    /// </summary>
    public Task StopAsync(string reference, TimeSpan? timeout, string? signal, CancellationToken cancellationToken) =>
        _supervisor.StopAsync(_table.Get(reference), timeout ?? StopTimeout(reference), signal, cancellationToken);

    /// <summary>Stops (when it runs) and starts a container.</summary>
    public async Task RestartAsync(string reference, TimeSpan? timeout, string? signal, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        if (container.Record.IsRunning || container.Record.Status == ContainerStatus.Restarting)
        {
            await _supervisor.StopAsync(container, timeout ?? StopTimeout(reference), signal, cancellationToken).ConfigureAwait(false);
        }

        await _supervisor.StartAsync(container, cancellationToken).ConfigureAwait(false);
        _supervisor.Publish(container, "restart");
    }

    /// <summary>Sends a signal (SIGTERM, TERM or 15) to the first process; <c>Conflict</c> when it does not run.</summary>
    public Task KillAsync(string reference, string signal, CancellationToken cancellationToken) =>
        _supervisor.KillAsync(_table.Get(reference), ParseSignal(signal), cancellationToken);

    /// <summary>Freezes a running container.</summary>
    public Task PauseAsync(string reference, CancellationToken cancellationToken) => _supervisor.FreezeAsync(_table.Get(reference), _options, freeze: true, cancellationToken);

    /// <summary>Thaws a frozen container.</summary>
    public Task UnpauseAsync(string reference, CancellationToken cancellationToken) => _supervisor.FreezeAsync(_table.Get(reference), _options, freeze: false, cancellationToken);

    /// <summary>Waits, and returns the exit code.</summary>
    public async Task<int> WaitAsync(string reference, WaitCondition condition, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        Task<int> task = BeginWait(container, condition);
        return await task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>As <see cref="WaitAsync"/>, with the point from which it waits fixed before this returns.</summary>
    public Task<int> BeginWait(string reference, WaitCondition condition) => BeginWait(_table.Get(reference), condition);

    /// <summary>
    /// Removes a container and its writable root; a running one is <c>Conflict</c> unless <paramref name="force"/> kills it. Anonymous
    /// volumes go with it when asked.
    /// </summary>
    public Task RemoveAsync(string reference, bool force, bool removeVolumes, CancellationToken cancellationToken) =>
        _supervisor.RemoveAsync(_table.Get(reference), force, removeVolumes, cancellationToken);

    /// <summary>Gives a container another name; <c>Conflict</c> when it is taken.</summary>
    public async Task RenameAsync(string reference, string newName, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        string name = newName.TrimStart('/');
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            string oldName = container.Record.Name;
            if (name == oldName)
            {
                throw new FaultException(FaultKind.InvalidArgument, "Renaming a container with the same name as its current name");
            }

            _table.ReserveName(name, container.Id);
            await _table.SaveAsync(container, container.Record with { Name = name, Spec = container.Record.Spec with { Name = name } }).ConfigureAwait(false);
            _table.ReleaseName(oldName, container.Id);
            await Networks.RenameAsync(container.Id, oldName, name, cancellationToken).ConfigureAwait(false);
            _supervisor.Publish(container, "rename", KeyValuePair.Create("oldName", "/" + oldName));
        }
        finally
        {
            container.Turn.Release();
        }
    }

    /// <summary>Changes limits and restart policy, also of a running container. Null keeps.</summary>
    public Task UpdateAsync(string reference, ResourceSpec? resources, RestartPolicy? policy, CancellationToken cancellationToken) =>
        _supervisor.UpdateAsync(_table.Get(reference), _options, resources, policy, cancellationToken);

    /// <summary>Connects a container to a further network, at once when it runs.</summary>
    public async Task ConnectNetworkAsync(string network, string reference, EndpointSpec settings, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        string name = Networks.GetNetwork(network).Name;
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ContainerRecord record = container.Record;
            if (record.Spec.NetworkMode is "host" or "none" || record.Spec.NetworkMode.StartsWith("container:", StringComparison.Ordinal) || record.Spec.SandboxId is not null)
            {
                throw new FaultException(FaultKind.InvalidArgument, $"container in network mode {record.Spec.NetworkMode} cannot be connected to other networks");
            }

            ContainerRecord changed = record with { Spec = record.Spec with { Endpoints = new(record.Spec.Endpoints) { [name] = settings } } };
            if (record.IsRunning)
            {
                string id = Networks.GetNetwork(network).Id;
                EndpointRequest request = NetworkPlanner.Endpoints(changed, Networks).Find(endpoint => endpoint.Network == id)!;
                await Networks.ConnectAsync(record.Id, request, cancellationToken).ConfigureAwait(false);
                _planner.WriteFiles(changed, HostNameOf(changed));
            }

            await _table.SaveAsync(container, changed).ConfigureAwait(false);
        }
        finally
        {
            container.Turn.Release();
        }
    }

    /// <summary>Takes a container off a network.</summary>
    public async Task DisconnectNetworkAsync(string network, string reference, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        var record = Networks.GetNetwork(network);
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ContainerSpec spec = container.Record.Spec;
            bool primary = Networks.GetNetwork(spec.NetworkMode is "" or "default" ? "bridge" : spec.NetworkMode).Id == record.Id;
            Dictionary<string, EndpointSpec> rest = spec.Endpoints.Where(endpoint => Networks.GetNetwork(endpoint.Key).Id != record.Id).ToDictionary();
            if (!primary && rest.Count == spec.Endpoints.Count)
            {
                throw new FaultException(FaultKind.PermissionDenied, $"container {container.Id} is not connected to network {record.Name}");
            }

            if (container.Record.IsRunning)
            {
                await Networks.DisconnectAsync(container.Id, record.Id, cancellationToken).ConfigureAwait(false);
            }

            string mode = primary ? rest.Keys.FirstOrDefault() ?? "none" : spec.NetworkMode;
            await _table.SaveAsync(container, container.Record with { Spec = spec with { Endpoints = rest, NetworkMode = mode } }).ConfigureAwait(false);
        }
        finally
        {
            container.Turn.Release();
        }
    }

    private static Task<int> BeginWait(Container container, WaitCondition condition)
    {
        TaskCompletionSource<int> exited = container.Exited;
        return condition switch
        {
            WaitCondition.Removed => container.Removed.Task,
            WaitCondition.NextExit => exited.Task,
            _ when container.Record.IsRunning => exited.Task,
            _ => Task.FromResult(container.Record.ExitCode),
        };
    }

    private TimeSpan StopTimeout(string reference) =>
        _table.Get(reference).Record.Spec.StopTimeoutSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : _options.StopTimeout;

    private static string HostNameOf(ContainerRecord record) => record.Spec.HostName.Length > 0 ? record.Spec.HostName : record.ShortId;

    private static int ParseSignal(string signal) => SignalName.Parse(signal.Length == 0 ? "SIGKILL" : signal);
}
