using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Create;
using Gantry.Runtime.Hooks;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.State;

/// <summary>Starts a created container.</summary>
internal sealed class ContainerStart(StateStore store)
{
    /// <summary>
    /// Starts it and returns when its program runs, and, where the host wants to be notified, when the program says that it is
    /// ready; throws why it does not. In the <paramref name="foreground"/> a process of its own waits for that. Unless
    /// <paramref name="waitsForExec"/>, or what comes after it, says so, it does not wait for the execve(2) itself.
    /// </summary>
    public void Start(string id, bool foreground = false, bool waitsForExec = true)
    {
        var record = store.Load(id);
        using var notify = NotifySocket.TryListen(store.DirectoryOf(id));
        waitsForExec |= record.HasPoststart || notify is not null;
        using var connection = Begin(id, waitsForExec, out var isArmed);
        if (waitsForExec)
        {
            StartSocket.Finish(connection);
        }
        else if (!isArmed)
        {
            StartSocket.FinishBeforeExec(connection);
        }
        if (notify is not null && foreground)
        {
            Cloning.Clone(0, () =>
            {
                notify.Forward(record);
                Unistd.ExitNow(0);
            });
        }
        else
        {
            notify?.Forward(record);
        }
        if (record.HasPoststart)
        {
            RunPoststart(id);
        }
    }

    /// <summary>Asks it to start; the answer is to be read with <see cref="StartSocket.Finish"/>.</summary>
    public FileDescriptor Begin(string id) => Begin(id, waitsForExec: true, out _);

    private FileDescriptor Begin(string id, bool waitsForExec, out bool isArmed)
    {
        var connection = StartSocket.Connect(store.DirectoryOf(id), id, waitsForExec, out isArmed);
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
