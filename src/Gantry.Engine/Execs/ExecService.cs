using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Gantry.Engine.Containers;
using Gantry.Engine.Events;
using Gantry.Engine.Specs;
using Gantry.Faults;
using Gantry.Monitor;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Execs;

/// <summary>
/// Execs of all containers. They are kept in memory only: an exec is a conversation with this gantryd. Those that have ended
/// are kept for five minutes (as Docker does), so that their exit code can be asked for. Thread-safe.
/// </summary>
internal sealed class ExecService(EventHub events, TimeProvider time)
{
    private static readonly TimeSpan s_keepEnded = TimeSpan.FromMinutes(5);
    private readonly ConcurrentDictionary<string, Entry> _execs = new();

    /// <summary>Makes an exec without starting it.</summary>
    internal ExecStatus Create(Container container, ExecSpec spec)
    {
        ContainerRecord record = container.Record;
        if (!record.IsRunning)
        {
            throw new FaultException(FaultKind.Conflict, $"container {record.Id} is not running");
        }

        if (record.Status == ContainerStatus.Paused)
        {
            throw new FaultException(FaultKind.Conflict, $"Container {record.Name} is paused, unpause the container before exec");
        }

        if (spec.Arguments.Count == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, "No exec command specified");
        }

        ForgetOld();
        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        ExecStatus status = new(id, record.Id, spec, false, null, 0, time.GetUtcNow());
        _execs[id] = new Entry(container, status);
        Publish(record, "exec_create: " + string.Join(' ', spec.Arguments), id);
        return status;
    }

    internal ExecStatus Get(string id) => Find(id).Status;

    internal IEnumerable<string> IdsOf(string containerId) =>
        _execs.Values.Where(entry => entry.Status.ContainerId == containerId && entry.Status.ExitCode is null).Select(entry => entry.Status.Id);

    /// <summary>Starts an exec. The streams, null when it is detached, have all its output from the beginning.</summary>
    internal async Task<ContainerStreams?> StartAsync(string id, bool detached, TerminalSize? size, CancellationToken cancellationToken)
    {
        Entry entry = Find(id);
        if (Interlocked.Exchange(ref entry.Started, 1) == 1)
        {
            throw new FaultException(FaultKind.Conflict, entry.Status.Running ? $"exec {id} is running already" : $"exec {id} has already run");
        }

        ContainerRecord record = entry.Container.Record;
        MonitorClient monitor = entry.Container.Monitor ?? throw new FaultException(FaultKind.Conflict, $"container {record.Id} is not running");
        ExecSpec spec = entry.Status.Spec;
        bool attached = !detached && (spec.AttachStdin || spec.AttachStdout || spec.AttachStderr);
        try
        {
            int pid = await monitor.ExecAsync(
                new ExecRequest
                {
                    Id = id,
                    ProcessJson = RuntimeSpecJson.Write(BuildProcess(record, spec, size)),
                    OpenStdin = attached && spec.AttachStdin,
                    Detached = !attached,
                },
                cancellationToken).ConfigureAwait(false);
            entry.Status = entry.Status with { Running = true, Pid = pid };
        }
        catch (FaultException fault)
        {
            entry.Status = entry.Status with { ExitCode = StartFailure.ExitCode(fault.Message) };
            entry.Ended.TrySetResult(entry.Status.ExitCode.Value);
            throw new FaultException(FaultKind.InvalidArgument, "OCI runtime exec failed: " + fault.Message, fault);
        }

        Publish(record, "exec_start: " + string.Join(' ', spec.Arguments), id);
        ContainerStreams? streams = null;
        if (attached)
        {
            streams = new ContainerStreams(spec.AttachStdin, spec.AttachStdout, spec.AttachStderr);
            await streams.ConnectAsync(monitor, id, cancellationToken).ConfigureAwait(false);
        }

        _ = WatchAsync(entry, monitor, record);
        return streams;
    }

    /// <summary>Completes with the exit code.</summary>
    internal Task<int> WaitAsync(string id, CancellationToken cancellationToken) => Find(id).Ended.Task.WaitAsync(cancellationToken);

    internal async Task ResizeAsync(string id, ushort columns, ushort rows, CancellationToken cancellationToken)
    {
        Entry entry = Find(id);
        if (entry.Container.Monitor is not { } monitor || !entry.Status.Running)
        {
            throw new FaultException(FaultKind.Conflict, $"exec {id} is not running");
        }

        await monitor.ResizeAsync(id, columns, rows, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Runs a program to its end and returns its output, at most <paramref name="limitBytes"/> of each stream. After the time is
    /// over the process is killed and <c>DeadlineExceeded</c> thrown.
    /// </summary>
    internal async Task<ExecResult> RunAsync(Container container, ExecSpec spec, TimeSpan timeout, int limitBytes, CancellationToken cancellationToken)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (timeout > TimeSpan.Zero)
        {
            deadline.CancelAfter(timeout);
        }

        ExecStatus status = Create(container, spec with { AttachStdout = true, AttachStderr = true });
        try
        {
            await using ContainerStreams streams = (await StartAsync(status.Id, detached: false, null, deadline.Token).ConfigureAwait(false))!;
            using MemoryStream output = new();
            using MemoryStream errors = new();
            while (await streams.ReadAsync(deadline.Token).ConfigureAwait(false) is { Data.Length: > 0 } read)
            {
                MemoryStream target = read.Stream == StdStream.Stderr ? errors : output;
                int room = (int)Math.Min(read.Data.Length, limitBytes - target.Length);
                target.Write(read.Data.Span[..Math.Max(0, room)]);
            }

            int code = await WaitAsync(status.Id, deadline.Token).ConfigureAwait(false);
            return new ExecResult(code, output.ToArray(), errors.ToArray());
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Kill(Get(status.Id).Pid);
            throw new FaultException(FaultKind.DeadlineExceeded, $"command \"{string.Join(' ', spec.Arguments)}\" timed out after {timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)}s");
        }
    }

    /// <summary>Ends the entries of a container whose processes are gone.</summary>
    internal void Forget(string containerId)
    {
        foreach (Entry entry in _execs.Values.Where(entry => entry.Status.ContainerId == containerId && entry.Status.Running))
        {
            End(entry, 137);
        }
    }

    private static void Kill(int pid)
    {
        if (pid == 0)
        {
            return;
        }

        try
        {
            using Process process = Process.GetProcessById(pid);
            process.Kill();
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    private static ProcessSpec BuildProcess(ContainerRecord container, ExecSpec spec, TerminalSize? size)
    {
        ContainerSpec own = container.Spec;
        UserLookup users = new($"/proc/{container.Pid.ToString(CultureInfo.InvariantCulture)}/root");
        UserSpec user = users.Resolve(spec.User.Length > 0 ? spec.User : own.User, own.Groups);
        List<string> capabilities = CapabilitySet.Resolve(own.Security.CapAdd, own.Security.CapDrop, own.Security.Privileged || spec.Privileged);
        List<string> environment = SpecMerge.MergeEnvironment(own.Environment, spec.Environment);
        void Default(string name, string value)
        {
            if (!environment.Exists(entry => entry.StartsWith(name + "=", StringComparison.Ordinal)))
            {
                environment.Add($"{name}={value}");
            }
        }

        Default("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        Default("HOSTNAME", own.HostName.Length > 0 ? own.HostName : container.ShortId);
        if (spec.Terminal)
        {
            Default("TERM", "xterm");
        }

        Default("HOME", users.HomeOf(user.Uid) is { Length: > 0 } home ? home : "/");
        return new ProcessSpec
        {
            Terminal = spec.Terminal,
            ConsoleSize = size is null ? null : new ConsoleSizeSpec { Width = size.Columns, Height = size.Rows },
            User = user,
            Args = spec.Arguments,
            Env = environment,
            Cwd = spec.WorkingDirectory.Length > 0 ? spec.WorkingDirectory : own.WorkingDirectory.Length > 0 ? own.WorkingDirectory : "/",
            Capabilities = RuntimeSpecBuilder.Capabilities(capabilities, user.Uid == 0),
            NoNewPrivileges = own.Security.NoNewPrivileges,
        };
    }

    private async Task WatchAsync(Entry entry, MonitorClient monitor, ContainerRecord record)
    {
        int code = 137;
        try
        {
            code = (await monitor.WaitAsync(entry.Status.Id, CancellationToken.None).ConfigureAwait(false)).ExitCode;
        }
        catch (FaultException)
        {
            // The monitor is gone with the container, and so is the exec.
        }

        End(entry, code);
        Publish(record, "exec_die", entry.Status.Id, KeyValuePair.Create("exitCode", code.ToString(CultureInfo.InvariantCulture)));
    }

    private void End(Entry entry, int code)
    {
        if (entry.Ended.TrySetResult(code))
        {
            entry.Status = entry.Status with { Running = false, ExitCode = code, Pid = 0 };
            entry.EndedAt = time.GetUtcNow();
        }
    }

    private void ForgetOld()
    {
        DateTimeOffset oldest = time.GetUtcNow() - s_keepEnded;
        foreach ((string id, Entry entry) in _execs)
        {
            if (entry.EndedAt < oldest)
            {
                _execs.TryRemove(id, out _);
            }
        }
    }

    private Entry Find(string id) => _execs.GetValueOrDefault(id)
        ?? _execs.Values.FirstOrDefault(entry => id.Length >= 12 && entry.Status.Id.StartsWith(id, StringComparison.Ordinal))
        ?? throw new FaultException(FaultKind.NotFound, $"No such exec instance: {id}");

    private void Publish(ContainerRecord container, string action, string execId, params KeyValuePair<string, string>[] more)
    {
        Dictionary<string, string> attributes = new(container.Spec.Labels) { ["execID"] = execId, ["image"] = container.Spec.Image, ["name"] = container.Name };
        foreach ((string key, string value) in more)
        {
            attributes[key] = value;
        }

        events.Publish("container", action, container.Id, attributes);
    }

    private sealed class Entry(Container container, ExecStatus status)
    {
        private volatile ExecStatus _status = status;

        internal int Started;

        internal Container Container { get; } = container;

        internal ExecStatus Status
        {
            get => _status;
            set => _status = value;
        }

        internal DateTimeOffset? EndedAt { get; set; }

        internal TaskCompletionSource<int> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
