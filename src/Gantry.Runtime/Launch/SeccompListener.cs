using System.Text.Json;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>
/// Loads a filter, and gives its notify descriptor to the agent that listens at seccomp.listenerPath
/// (config-linux.md, "Container Process State").
/// </summary>
internal sealed class SeccompListener : IDisposable
{
    private const int PollMs = 1;

    private readonly byte[]? _filter;
    private readonly FileDescriptor? _agent;
    private readonly string? _metadata;
    private readonly string _path = "";

    private SeccompListener(byte[]? filter, SeccompSpec? profile)
    {
        _filter = filter;
        if (filter is null || !SeccompFilter.Notifies(filter))
        {
            return;
        }
        _path = profile!.ListenerPath!;
        _metadata = profile.ListenerMetadata;
        try
        {
            _agent = SysSocket.Connect(_path);
        }
        catch (LinuxException e)
        {
            throw new FaultException(
                e.Kind, $"linux.seccomp.listenerPath: {e.Message}; an agent must listen there before the container is made", e);
        }
    }

    /// <summary>True when the agent has to be told about the process.</summary>
    public bool IsUsed => _agent is not null;

    /// <summary>The descriptor that is needed until the filter is loaded.</summary>
    public int[] Numbers => _agent is null ? [] : [_agent.Number];

    /// <summary>Connects to the agent, in the runtime's mount namespace; no connection for a filter that asks nobody.</summary>
    public static SeccompListener Connect(byte[]? filter, SeccompSpec? profile) => new(filter, profile);

    /// <summary>
    /// Loads the filter into this process. <paramref name="pid"/> is its id where the runtime is, <paramref name="state"/> the
    /// container's.
    /// </summary>
    public void Load(int pid, ContainerState? state)
    {
        if (_filter is null)
        {
            return;
        }
        if (_agent is null)
        {
            SeccompFilter.Load(_filter);
            return;
        }
        // Once the filter is loaded, the very calls that would send the descriptor may wait for an agent that does not have
        // it yet. A clone without the filter, which shares the descriptors, sends it.
        var message = MessageFor(pid, state);
        using var word = new SharedWord();
        var helper = Cloning.Clone(Sched.CLONE_FILES, () => SendWhenThere(word, message));
        try
        {
            word.Value = SeccompFilter.Load(_filter);
        }
        catch
        {
            Signal.TryKill(helper, Signal.SIGKILL);
            SysWait.Wait(helper, 0, out _);
            throw;
        }
        SysWait.Wait(helper, 0, out var status);
        if (status.ExitCode != 0)
        {
            throw new FaultException(FaultKind.Unavailable, $"linux.seccomp.listenerPath {_path}: the agent did not take the descriptor");
        }
    }

    public void Dispose() => _agent?.Dispose();

    private void SendWhenThere(SharedWord word, byte[] message)
    {
        SysPrctl.SetParentDeathSignal(Signal.SIGKILL);
        while (word.Value == 0)
        {
            Poll.Wait([], PollMs);
        }
        try
        {
            SysSocket.SendMessage(_agent!.Number, message, word.Value);
            Unistd.ExitNow(0);
        }
        catch (LinuxException)
        {
            // The exit code tells, and the parent says it.
            Unistd.ExitNow(1);
        }
    }

    private byte[] MessageFor(int pid, ContainerState? state)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("ociVersion", state?.OciVersion ?? new ContainerState().OciVersion);
            writer.WriteStartArray("fds");
            writer.WriteStringValue("seccompFd");
            writer.WriteEndArray();
            writer.WriteNumber("pid", pid);
            if (_metadata is not null)
            {
                writer.WriteString("metadata", _metadata);
            }
            if (state is not null)
            {
                writer.WritePropertyName("state");
                writer.WriteRawValue(RuntimeSpecJson.Write(state));
            }
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }
}
