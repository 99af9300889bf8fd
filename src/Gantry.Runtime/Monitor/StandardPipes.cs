using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Monitor;

/// <summary>The pipes, or /dev/null, between the monitor and a process without a terminal.</summary>
internal sealed class StandardPipes : IDisposable
{
    private readonly FileDescriptor? _nothing;
    private readonly (FileDescriptor Read, FileDescriptor Write)? _input;
    private readonly (FileDescriptor Read, FileDescriptor Write)? _output;
    private readonly (FileDescriptor Read, FileDescriptor Write)? _error;

    public StandardPipes(bool openInput, bool openOutput)
    {
        if (openInput)
        {
            _input = Unistd.Pipe(Fcntl.O_CLOEXEC);
        }
        if (openOutput)
        {
            _output = Unistd.Pipe(Fcntl.O_CLOEXEC);
            _error = Unistd.Pipe(Fcntl.O_CLOEXEC);
        }
        if (!openInput || !openOutput)
        {
            _nothing = Fcntl.Open("/dev/null", Fcntl.O_RDWR);
        }
    }

    /// <summary>The process's ends.</summary>
    public StandardStreams Streams => new(
        (_input?.Read ?? _nothing)!.Number, (_output?.Write ?? _nothing)!.Number, (_error?.Write ?? _nothing)!.Number);

    /// <summary>The monitor's ends of output; they become the caller's.</summary>
    public (FileDescriptor Output, FileDescriptor Error)? TakeOutput()
    {
        if (_output is not var (output, _) || _error is not var (error, _))
        {
            return null;
        }
        Fcntl.SetNonBlocking(output.Number, true);
        Fcntl.SetNonBlocking(error.Number, true);
        return (new FileDescriptor(output.Detach()), new FileDescriptor(error.Detach()));
    }

    /// <summary>The monitor's end of input; it becomes the caller's.</summary>
    public FileDescriptor? TakeInput() => _input is var (_, write) ? new FileDescriptor(write.Detach()) : null;

    public void Dispose()
    {
        foreach (var pipe in (ReadOnlySpan<(FileDescriptor Read, FileDescriptor Write)?>)[_input, _output, _error])
        {
            pipe?.Read.Dispose();
            pipe?.Write.Dispose();
        }
        _nothing?.Dispose();
    }
}
