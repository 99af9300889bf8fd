using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Gantry.Engine;
using Gantry.Engine.Containers;
using Gantry.Engine.Events;
using Gantry.Engine.Execs;
using Gantry.Engine.Logs;
using Gantry.Engine.Sandboxes;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Kube.Client.Nodes;
using Gantry.Kube.Node.Containers;
using Gantry.Monitor;
using Gantry.Network.Ports;
using Gantry.Oci;

namespace Gantry.Kube.Node.Runtime;

/// <summary>
/// The pod runtime over Gantry's engine, in process: a sandbox is an engine sandbox, a pod's container an ordinary engine
/// container, so that <c>docker ps</c> shows it, found again by its labels.
/// </summary>
public sealed class EnginePodRuntime(ContainerEngine engine, string version) : IPodRuntime
{
    // What a probe or hook may print before it is cut; kubelet keeps 10 KiB of a probe's output.
    private const int MaxOutputBytes = 10 * 1024;

    /// <inheritdoc/>
    public string Version => $"gantry://{version}";

    /// <inheritdoc/>
    public Task<IReadOnlyList<PodSandbox>> ListSandboxesAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<PodSandbox>>([.. engine.Sandboxes.List().Select(ToSandbox)]);

    /// <inheritdoc/>
    public async Task<PodSandbox> RunSandboxAsync(SandboxConfig config, CancellationToken cancellationToken)
    {
        var status = await engine.Sandboxes.CreateAsync(
            new SandboxSpec
            {
                Namespace = config.Namespace,
                Name = config.Name,
                Uid = config.PodUid,
                Attempt = config.Attempt,
                HostName = config.HostName,
                HostNetwork = config.HostNetwork,
                HostPid = config.HostPid,
                HostIpc = config.HostIpc,
                ShareProcessNamespace = config.ShareProcessNamespace,
                Dns = config.Dns is { } dns ? new DnsSpec([.. dns.Servers], [.. dns.Searches], [.. dns.Options]) : null,
                HostAliases = [.. config.HostAliases.Select(alias => new HostAlias(alias.Address, [.. alias.Names]))],
                Sysctls = new(config.Sysctls),
                Labels = new(config.Labels),
                CgroupParent = config.CgroupParent,
                Ports = [.. config.HostPorts.Select(port => new PortMapping(port.Protocol, (ushort)port.ContainerPort, port.HostAddress.Length > 0 ? port.HostAddress : "0.0.0.0", (ushort)port.HostPort))],
            },
            cancellationToken).ConfigureAwait(false);
        return ToSandbox(status);
    }

    /// <inheritdoc/>
    public Task StopSandboxAsync(string id, CancellationToken cancellationToken) =>
        engine.Sandboxes.Find(id) is null ? Task.CompletedTask : engine.Sandboxes.StopAsync(id, cancellationToken);

    /// <inheritdoc/>
    public Task RemoveSandboxAsync(string id, CancellationToken cancellationToken) => engine.Sandboxes.RemoveAsync(id, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<PodContainer>> ListContainersAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<PodContainer>>([.. engine.List().Where(record => record.Spec.SandboxId is not null && record.Spec.Labels.ContainsKey(RuntimeLabels.PodUid)).Select(ToContainer)]);

    /// <inheritdoc/>
    public async Task<string> CreateContainerAsync(PodSandbox sandbox, ContainerConfig config, CancellationToken cancellationToken)
    {
        var record = await engine.CreateAsync(EngineContainerSpec.Build(sandbox, config), cancellationToken).ConfigureAwait(false);
        return record.Id;
    }

    /// <inheritdoc/>
    public async Task StartContainerAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            await engine.StartAsync(id, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotModified)
        {
            // It runs already.
        }
    }

    /// <inheritdoc/>
    public async Task StopContainerAsync(string id, TimeSpan grace, CancellationToken cancellationToken)
    {
        try
        {
            await engine.StopAsync(id, grace, null, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind is FaultKind.NotModified or FaultKind.NotFound)
        {
            // It has ended already, or is gone.
        }
    }

    /// <inheritdoc/>
    public async Task RemoveContainerAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            await engine.RemoveAsync(id, force: true, removeVolumes: true, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            // Gone already.
        }
    }

    /// <inheritdoc/>
    public async Task<ExecOutcome> RunAsync(string id, IReadOnlyList<string> command, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var spec = new ExecSpec { Arguments = [.. command], AttachStdout = true, AttachStderr = true };
        var result = await engine.ExecAsync(id, spec, timeout, MaxOutputBytes, cancellationToken).ConfigureAwait(false);
        return new ExecOutcome(result.ExitCode, Encoding.UTF8.GetString(result.Stdout) + Encoding.UTF8.GetString(result.Stderr));
    }

    /// <inheritdoc/>
    public async Task<IPodProcess> ExecAsync(string id, PodExecRequest request, CancellationToken cancellationToken)
    {
        var exec = engine.CreateExec(id, new ExecSpec
        {
            Arguments = [.. request.Command],
            Terminal = request.Terminal,
            AttachStdin = request.Stdin,
            AttachStdout = request.Stdout,
            AttachStderr = request.Stderr,
        });
        var streams = await engine.StartExecAsync(exec.Id, detached: false, size: null, cancellationToken).ConfigureAwait(false);
        return new EnginePodProcess(
            streams!,
            (columns, rows, token) => engine.ResizeExecAsync(exec.Id, columns, rows, token),
            token => engine.WaitExecAsync(exec.Id, token));
    }

    /// <inheritdoc/>
    public async Task<IPodProcess> AttachAsync(string id, PodExecRequest request, CancellationToken cancellationToken)
    {
        var exit = engine.BeginWait(id, WaitCondition.NotRunning);
        var streams = await engine.AttachAsync(id, request.Stdin, request.Stdout, request.Stderr, cancellationToken).ConfigureAwait(false);
        return new EnginePodProcess(
            streams,
            (columns, rows, token) => engine.ResizeAsync(id, columns, rows, token),
            token => exit.WaitAsync(token));
    }

    /// <inheritdoc/>
    public async Task<Stream> PortForwardAsync(string sandboxId, int port, CancellationToken cancellationToken) =>
        new NetworkStream(await engine.Sandboxes.DialAsync(sandboxId, port, cancellationToken).ConfigureAwait(false), ownsSocket: true);

    /// <inheritdoc/>
    public async Task WriteLogAsync(string id, PodLogRequest request, Stream output, CancellationToken cancellationToken)
    {
        var query = new LogQuery { Follow = request.Follow, Since = request.Since, Tail = request.TailLines ?? -1 };
        var left = request.LimitBytes ?? long.MaxValue;
        await foreach (var entry in engine.ReadLogsAsync(id, query, cancellationToken).ConfigureAwait(false))
        {
            var line = entry.Line;
            if (request.Timestamps)
            {
                line = (byte[])[.. Encoding.ASCII.GetBytes(entry.TimeText), (byte)' ', .. line.Span];
            }

            line = line.Length > left ? line[..(int)left] : line;
            left -= line.Length;
            await output.WriteAsync(line, cancellationToken).ConfigureAwait(false);
            if (request.Follow)
            {
                await output.FlushAsync(cancellationToken).ConfigureAwait(false);
            }

            if (left <= 0)
            {
                break;
            }
        }

        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<PodImage?> FindImageAsync(string name, CancellationToken cancellationToken) =>
        await engine.Images.FindAsync(name, cancellationToken).ConfigureAwait(false) is { } image ? ToImage(image) : null;

    /// <inheritdoc/>
    public async Task<PodImage> PullImageAsync(string name, IReadOnlyList<RegistryLogin> logins, CancellationToken cancellationToken)
    {
        var reference = ImageReference.Parse(name);
        var login = logins.FirstOrDefault(login => Matches(login.Registry, reference.Domain));
        var request = new PullRequest(reference) { Credentials = login is null ? null : new RegistryCredentials(login.UserName, login.Password) };
        return ToImage(await engine.Images.PullAsync(request, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public IDisposable OnChange(Action<string> changed)
    {
        var stop = new CancellationTokenSource();
        _ = Task.Run(() => ForwardAsync(changed, stop.Token), CancellationToken.None);
        return new Subscription(stop);
    }

    private async Task ForwardAsync(Action<string> changed, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await foreach (var happened in engine.Events.SubscribeAsync(null, cancellationToken).ConfigureAwait(false))
                {
                    if (happened is { Type: "container", Action: "start" or "die" or "destroy" or "pause" or "unpause" }
                        && happened.Attributes.TryGetValue(RuntimeLabels.PodUid, out var uid))
                    {
                        changed(uid);
                    }
                }
            }
            catch (FaultException fault) when (fault.Kind == FaultKind.ResourceExhausted)
            {
                // This reader was too slow and lost events: every pod may have changed.
                foreach (var sandbox in engine.Sandboxes.List())
                {
                    changed(sandbox.Spec.Uid);
                }
            }
        }
    }

    private static bool Matches(string registry, string domain)
    {
        var host = registry.Replace("https://", "", StringComparison.Ordinal).Replace("http://", "", StringComparison.Ordinal).Split('/')[0];
        return host == domain || (domain == ImageReference.DefaultDomain && host is "index.docker.io" or "registry-1.docker.io");
    }

    private static PodImage ToImage(Image image) => new(image.Id.ToString(), image.RunConfig.User ?? "", image.RepoDigests.Count == 0);

    private static PodSandbox ToSandbox(SandboxStatus status) =>
        new(status.Id, status.Spec.Uid, status.Spec.Namespace, status.Spec.Name, status.Spec.Attempt, status.Address, status.Ready, status.CreatedAt);

    private static PodContainer ToContainer(ContainerRecord record) => new()
    {
        Id = record.Id,
        SandboxId = record.Spec.SandboxId!,
        PodUid = record.Spec.Labels[RuntimeLabels.PodUid],
        Name = record.Spec.Labels.GetValueOrDefault(RuntimeLabels.ContainerName, ""),
        Attempt = int.TryParse(record.Spec.Labels.GetValueOrDefault(RuntimeLabels.Attempt), CultureInfo.InvariantCulture, out var attempt) ? attempt : 0,
        State = record.IsRunning ? PodContainerState.Running
            : record.FinishedAt is not null || record.Error.Length > 0 ? PodContainerState.Exited : PodContainerState.Created,
        CreatedAt = record.CreatedAt,
        StartedAt = record.StartedAt,
        FinishedAt = record.FinishedAt ?? (record.Error.Length > 0 ? record.CreatedAt : null),
        ExitCode = record.ExitCode,
        OomKilled = record.OomKilled,
        Error = record.Error,
        Image = record.Spec.Image,
        ImageId = record.ImageId,
    };

    private sealed class Subscription(CancellationTokenSource stop) : IDisposable
    {
        public void Dispose()
        {
            stop.Cancel();
            stop.Dispose();
        }
    }

    private sealed class EnginePodProcess(
        ContainerStreams streams,
        Func<ushort, ushort, CancellationToken, Task> resize,
        Func<CancellationToken, Task<int>> wait) : IPodProcess
    {
        public async ValueTask<(bool IsStderr, ReadOnlyMemory<byte> Data)> ReadAsync(CancellationToken cancellationToken)
        {
            var (stream, data) = await streams.ReadAsync(cancellationToken).ConfigureAwait(false);
            return (stream == StdStream.Stderr, data);
        }

        public ValueTask WriteStdinAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => streams.WriteStdinAsync(data, cancellationToken);

        public ValueTask CloseStdinAsync(CancellationToken cancellationToken) => streams.CloseStdinAsync(cancellationToken);

        public async ValueTask ResizeAsync(ushort columns, ushort rows, CancellationToken cancellationToken) => await resize(columns, rows, cancellationToken).ConfigureAwait(false);

        public Task<int> WaitAsync(CancellationToken cancellationToken) => wait(cancellationToken);

        public ValueTask DisposeAsync() => streams.DisposeAsync();
    }
}
