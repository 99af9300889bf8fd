namespace Gantry.Monitor.Protocol;

/// <summary>
/// The frames on a monitor's socket. A frame is a <see cref="FrameHeader"/> and its payload. A connection starts as a
/// control connection; a granted <see cref="Attach"/> turns it into a stream of the frames from <see cref="Output"/> on.
/// </summary>
public enum FrameType : byte
{
    /// <summary>Asks for <see cref="MonitorInfo"/>.</summary>
    Info = 1,

    /// <summary>Starts the created container.</summary>
    Start = 2,

    /// <summary>Payload: u32 signal, u8 all.</summary>
    Signal = 3,

    /// <summary>Payload: string exec id (empty: the container), u16 columns, u16 rows.</summary>
    Resize = 4,

    /// <summary>Payload: string exec id, u8 stdin, u8 stdout, u8 stderr.</summary>
    Attach = 5,

    /// <summary>Payload: string exec id, u8 open stdin, u8 detached, blob process. Answered with u32 pid.</summary>
    Exec = 6,

    /// <summary>Payload: string exec id. Answered, when the process has ended, with the exit record's JSON.</summary>
    Wait = 7,

    /// <summary>Opens the log file again by its path (after another program renamed it).</summary>
    ReopenLog = 8,

    /// <summary>The answer to the request of the same id.</summary>
    Ok = 32,

    /// <summary>The refusal of the request of the same id. Payload: u8 <see cref="Faults.FaultKind"/>, string message.</summary>
    Error = 33,

    /// <summary>Output; the header's stream says which.</summary>
    Output = 48,

    /// <summary>Bytes for standard input.</summary>
    Input = 49,

    /// <summary>End of standard input.</summary>
    InputEnd = 50,

    /// <summary>The process's output has ended; the connection closes.</summary>
    OutputEnd = 51,
}
