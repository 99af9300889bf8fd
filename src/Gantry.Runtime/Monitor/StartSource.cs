using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Monitor;

/// <summary>The answer of a container that was asked to start.</summary>
internal sealed class StartSource(FileDescriptor connection, Action<FaultException?> answered) : PollSource
{
    public override int Descriptor => connection.Number;

    public override short Events => Poll.POLLIN;

    public override void OnReady(short ready)
    {
        FaultException? fault = null;
        try
        {
            StartSocket.Finish(connection);
        }
        catch (FaultException e)
        {
            fault = e;
        }
        Dispose();
        answered(fault);
    }

    protected override void Close() => connection.Dispose();
}
