using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Monitor;

/// <summary>SIGCHLD as a descriptor. Signals that would end the monitor are taken and ignored: its container ends it.</summary>
internal sealed class SignalSource(Action childEnded) : PollSource
{
    private readonly FileDescriptor _signals =
        Signal.OpenDescriptor(Signal.SIGCHLD, Signal.SIGTERM, Signal.SIGINT, Signal.SIGHUP, Signal.SIGPIPE);

    public override int Descriptor => _signals.Number;

    public override short Events => Poll.POLLIN;

    public override void OnReady(short ready)
    {
        var ended = false;
        for (var signal = Signal.Next(_signals.Number); signal != 0; signal = Signal.Next(_signals.Number))
        {
            ended |= signal == Signal.SIGCHLD;
        }
        if (ended)
        {
            childEnded();
        }
    }

    protected override void Close() => _signals.Dispose();
}
