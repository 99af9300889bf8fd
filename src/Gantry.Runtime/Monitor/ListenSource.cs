using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Monitor;

/// <summary>The monitor's socket.</summary>
internal sealed class ListenSource(string path, Action<FileDescriptor> accepted) : PollSource
{
    private const int Backlog = 64;

    private readonly FileDescriptor _listener = SysSocket.Listen(path, Backlog);

    public override int Descriptor => _listener.Number;

    public override short Events => Poll.POLLIN;

    public override void OnReady(short ready)
    {
        while (SysSocket.Accept(_listener.Number) is { } connection)
        {
            accepted(connection);
        }
    }

    protected override void Close()
    {
        _listener.Dispose();
        Unistd.Unlink(path);
    }
}
