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
    private const int EndWaitMs = 10_000;

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
        AwaitAnswer(record, waitsForExec);
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

    private void AwaitAnswer(ContainerRecord record, bool waitsForExec)
    {
        using var connection = Begin(record.Id, waitsForExec, out var isArmed);
        try
        {
            if (waitsForExec)
            {
                StartSocket.Finish(connection);
            }
            else if (!isArmed)
            {
                StartSocket.FinishBeforeExec(connection);
            }
        }
        catch (FaultException)
        {
            // The first process ends after such an answer; whoever asks next shall find the container stopped.
            using var process = ContainerRemoval.TryOpen(record);
            if (process is not null)
            {
                Span<PollDescriptor> ended = [new PollDescriptor(process.Number, Poll.POLLIN)];
                Poll.Wait(ended, EndWaitMs);
            }
            throw;
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
