using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
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
        var record = store.Load(id);
        using var connection = Begin(id);
        StartSocket.Finish(connection);
        if (record.HasPoststart)
        {
            RunPoststart(id);
        }
    }

    /// <summary>Asks it to start; the answer is to be read with <see cref="StartSocket.Finish"/>.</summary>
    public FileDescriptor Begin(string id)
    {
        var connection = StartSocket.Connect(store.DirectoryOf(id), id);
        Unistd.Unlink($"{store.DirectoryOf(id)}/{StartSocket.Name}");
        return connection;
    }

    /// <summary>Runs the poststart hooks; one that fails is logged.</summary>
    public void RunPoststart(string id)
    {
        var record = store.Load(id);
        try
        {
            var spec = BundleLoader.Load(record.Bundle).Spec;
            HookRunner.RunAll("poststart", spec.Hooks?.Poststart, ContainerCreator.StateOf(record, "running"));
        }
        catch (FaultException e)
        {
            CommandOutput.Warn(e.Message);
        }
    }
}
