using Gantry.Monitor;
using Gantry.Runtime.Commands;

namespace Gantry.Runtime.Monitor;

/// <summary>The arguments of the monitor command; <see cref="MonitorLaunch"/> writes them.</summary>
internal sealed record MonitorOptions
{
    private const string Names =
        "id bundle state-dir socket root oci-runtime stdin! stdin-once! log-path log-max-size log-max-files";

    public required string Id { get; init; }

    public required string Bundle { get; init; }

    public required string StateDirectory { get; init; }

    public required string Socket { get; init; }

    public required string Root { get; init; }

    public string? OciRuntime { get; init; }

    public bool OpenInput { get; init; }

    public bool InputOnce { get; init; }

    public LogTarget? Log { get; init; }

    public static MonitorOptions Parse(ReadOnlySpan<string> args)
    {
        var arguments = new CommandArguments(args, Names);
        var log = arguments.Value("log-path") is { } path
            ? new LogTarget(
                Path.GetFullPath(path), long.Parse(arguments.Value("log-max-size") ?? "0"), arguments.Number("log-max-files", 1))
            : null;
        return new MonitorOptions
        {
            Id = arguments.Required("id"),
            Bundle = Path.GetFullPath(arguments.Required("bundle")),
            StateDirectory = Path.GetFullPath(arguments.Required("state-dir")),
            Socket = Path.GetFullPath(arguments.Required("socket")),
            Root = Path.GetFullPath(arguments.Required("root")),
            OciRuntime = arguments.Value("oci-runtime"),
            OpenInput = arguments.Has("stdin"),
            InputOnce = arguments.Has("stdin-once"),
            Log = log,
        };
    }
}
