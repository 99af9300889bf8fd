namespace Gantry.Monitor;

/// <summary>What a monitor needs to create and keep one container.</summary>
public sealed record MonitorLaunch
{
    /// <summary>Path of the gantry-runtime binary.</summary>
    public required string RuntimePath { get; init; }

    /// <summary>Null: gantry-runtime creates the container itself; else the path of crun or runc.</summary>
    public string? OciRuntime { get; init; }

    /// <summary>The container's id: 1 to 255 of letters, digits, '_', '.', '-' and '+'.</summary>
    public required string ContainerId { get; init; }

    /// <summary>Directory with config.json; root.path inside it should be absolute.</summary>
    public required string BundlePath { get; init; }

    /// <summary>Existing, durable directory of this container: the monitor writes exit.json and monitor.log here.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>The unix stream socket on which the monitor listens; at most 107 bytes.</summary>
    public required string SocketPath { get; init; }

    /// <summary>The runtime's state root, as runc's --root. Volatile (below /run); one for each gantryd instance.</summary>
    public string RuntimeRoot { get; init; } = "/run/gantry-runtime";

    /// <summary>True keeps the container's standard input open for attachments; false gives it /dev/null.</summary>
    public bool OpenStdin { get; init; }

    /// <summary>True closes standard input when the first attachment that had it ends.</summary>
    public bool StdinOnce { get; init; }

    /// <summary>Where output is logged; null is nowhere.</summary>
    public LogTarget? Log { get; init; }

    /// <summary>The arguments of `gantry-runtime monitor` for this launch.</summary>
    internal List<string> ToArguments()
    {
        List<string> arguments =
        [
            "monitor", "--id", ContainerId, "--bundle", BundlePath, "--state-dir", StateDirectory, "--socket", SocketPath,
            "--root", RuntimeRoot,
        ];
        if (OciRuntime is not null)
        {
            arguments.AddRange(["--oci-runtime", OciRuntime]);
        }
        if (OpenStdin)
        {
            arguments.Add("--stdin");
        }
        if (StdinOnce)
        {
            arguments.Add("--stdin-once");
        }
        if (Log is not null)
        {
            arguments.AddRange(
            [
                "--log-path", Log.Path, "--log-max-size", $"{Log.MaxSizeBytes}", "--log-max-files", $"{Log.MaxFiles}",
            ]);
        }
        return arguments;
    }
}
