using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Create;
using Gantry.Runtime.Hooks;

namespace Gantry.Runtime.State;

/// <summary>Starts a created container.</summary>
internal sealed class ContainerStart(StateStore store)
{
    /// <summary>Starts it and returns when its program runs; throws why it does not.</summary>
    public void Start(string id)
    {
        store.Load(id);
        using var connection = Begin(id);
        StartSocket.Finish(connection);
        RunPoststart(id);
    }

    /// <summary>Asks it to start; the answer is to be read with <see cref="StartSocket.Finish"/>.</summary>
    public FileDescriptor Begin(string id)
    {
        var connection = StartSocket.Connect(store.DirectoryOf(id), id);
        Unistd.Unlink($"{store.DirectoryOf(id)}/{StartSocket.Name}");
        return connection;
    }

    private void RunPoststart(string id)
    {
        var record = store.Load(id);
        if (SmallFile.TryRead($"{record.Bundle}/config.json") is not { } json || json.AsSpan().IndexOf("\"poststart\""u8) < 0)
        {
            return;
        }
        var spec = RuntimeSpecJson.ReadSpec(json);
        try
        {
            HookRunner.Run("poststart", spec.Hooks?.Poststart, ContainerCreator.StateOf(record, "running"));
        }
        catch (FaultException e)
        {
            CommandOutput.Warn(e.Message);
        }
    }
}
