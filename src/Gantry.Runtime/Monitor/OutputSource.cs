using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Monitor;
using Gantry.Monitor.Protocol;

namespace Gantry.Runtime.Monitor;

/// <summary>
/// One output stream of a process: read here, written to the log and to every attachment. While an attachment has not taken
/// the last chunk nothing is read, so a slow reader slows the process down as a pipe would.
/// </summary>
internal sealed class OutputSource(MonitoredProcess process, FileDescriptor file, StdStream stream, JsonLog? log) : PollSource
{
    private const int ChunkSize = 32 * 1024;

    /// <summary>Shared by all streams: a chunk never outlives the call that read it.</summary>
    private static readonly byte[] Frame = new byte[FrameHeader.Size + ChunkSize];

    public override int Descriptor => file.Number;

    public override short Events => process.IsReading && !process.HasBlockedAttachment ? Poll.POLLIN : (short)0;

    public override void OnReady(short ready)
    {
        int count;
        try
        {
            count = Unistd.Read(file.Number, Frame.AsSpan(FrameHeader.Size));
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EIO)
        {
            count = 0; // a terminal whose last process has gone
        }
        if (count < 0)
        {
            return;
        }
        if (count == 0)
        {
            Dispose();
            return;
        }
        log?.Append(stream, Frame.AsSpan(FrameHeader.Size, count));
        new FrameHeader(count, FrameType.Output, stream, 0).Write(Frame);
        process.Broadcast(stream, Frame.AsSpan(0, FrameHeader.Size + count));
    }

    protected override void Close()
    {
        log?.Finish(stream);
        file.Dispose();
        process.OutputClosed();
    }
}
