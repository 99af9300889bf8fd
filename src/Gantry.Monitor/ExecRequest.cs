namespace Gantry.Monitor;

/// <summary>A further process for a running container.</summary>
public sealed record ExecRequest
{
    /// <summary>The exec's id, unique in its container.</summary>
    public required string Id { get; init; }

    /// <summary>The OCI process object, UTF-8 JSON, at most 1 MiB.</summary>
    public required ReadOnlyMemory<byte> ProcessJson { get; init; }

    /// <summary>True keeps standard input open for attachments; false gives the process /dev/null.</summary>
    public bool OpenStdin { get; init; }

    /// <summary>
    /// True: nobody will attach, output goes to /dev/null. False: output waits in the pipe until the first attachment.
    /// </summary>
    public bool Detached { get; init; }
}
