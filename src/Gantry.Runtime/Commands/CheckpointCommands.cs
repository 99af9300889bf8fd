using Gantry.Faults;
using Gantry.Linux.Native;
using Gantry.Runtime.Checkpoint;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>checkpoint and restore, by CRIU.</summary>
internal static class CheckpointCommands
{
    private const string CommonOptions = """
        image-path=DIR              the images' directory (checkpoint)
        work-path=DIR               CRIU's logs and work files (the images' directory)
        tcp-established             connections of TCP are kept
        ext-unix-sk                 unix sockets may be connected to processes outside of the container
        shell-job                   the terminal belongs to the caller
        file-locks                  file locks are kept
        manage-cgroups-mode=MODE    soft, full, strict or ignore (soft)
        empty-ns=network            the namespace is made new, its contents are not kept; may be repeated
        auto-dedup                  drop pages of parent images that a later one has
        lazy-pages                  memory is fetched when it is used, by CRIU's lazy-pages server

        """;

    public static readonly CommandSyntax CheckpointSyntax = new(
        "checkpoint", "ID", "write a running container into images, by CRIU", CommonOptions + """
        leave-running               let the container run on
        pre-dump                    memory only, as the first of several steps; the container runs on
        parent-path=PATH            the images of the step before, relative to the image path
        page-server=ADDRESS:PORT    send memory to CRIU's page server
        status-fd=N                 write a 0 byte to this descriptor when the lazy pages' server is ready
        tcp-skip-in-flight          leave out connections that are being made
        link-remap                  files that were removed may be linked back

        """);

    public static readonly CommandSyntax RestoreSyntax = new(
        "restore", "ID", "bring a container back from images", CommonOptions + """
        bundle|b=DIR                the bundle's directory (the current one)
        console-socket=PATH         a unix socket that gets the terminal's master
        detach|d                    return when the container runs
        pid-file=FILE               write the first process's id to this file
        lsm-profile=TYPE:NAME       restore with this security profile
        lsm-mount-context=TEXT      restore mounts with this security context
        no-pivot                    taken and without meaning: CRIU makes the root
        no-subreaper                do not adopt the container's orphans

        """);

    public static int Checkpoint(CommandContext context, CommandArguments arguments)
    {
        new Checkpointer(context.Store).Checkpoint(CriuOptions.Read(arguments), new CheckpointOptions
        {
            LeaveRunning = arguments.Has("leave-running"),
            PreDump = arguments.Has("pre-dump"),
            ParentPath = arguments.Value("parent-path") is { Length: > 0 } parent ? ReadParent(arguments, parent) : null,
            LinkRemap = arguments.Has("link-remap"),
            TcpSkipInFlight = arguments.Has("tcp-skip-in-flight"),
            PageServer = arguments.Value("page-server") is { Length: > 0 } server ? ReadServer(server) : null,
            StatusDescriptor = ReadStatus(arguments),
        });
        return 0;
    }

    public static int Restore(CommandContext context, CommandArguments arguments)
    {
        var detach = arguments.Has("detach");
        if (!detach && !arguments.Has("no-subreaper"))
        {
            SysPrctl.SetChildSubreaper();
        }
        var options = CriuOptions.Read(arguments);
        var (record, terminal) = new Restorer(context.Store).Restore(options, new RestoreOptions
        {
            Create = LifecycleCommands.ReadOptions(context, arguments),
            LsmProfile = arguments.Value("lsm-profile"),
            LsmMountContext = arguments.Value("lsm-mount-context"),
        });
        using (terminal)
        {
            if (detach)
            {
                return 0;
            }
            using var foreground = new ForegroundProcess(record.Pid, terminal);
            return RunCommands.Finish(context.Store, record, foreground, keep: false);
        }
    }

    private static string ReadParent(CommandArguments arguments, string path)
    {
        var images = Path.GetFullPath(arguments.Value("image-path") is { Length: > 0 } given ? given : "checkpoint");
        if (Path.IsPathRooted(path))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"--parent-path {path}: must be relative to the image path");
        }
        return Directory.Exists(Path.Combine(images, path))
            ? path
            : throw new FaultException(FaultKind.NotFound, $"--parent-path {path}: there is no {Path.GetFullPath(path, images)}");
    }

    private static (string, int) ReadServer(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && int.TryParse(text.AsSpan(colon + 1), out var port) && port is > 0 and < 65536
            ? (text[..colon], port)
            : throw new FaultException(FaultKind.InvalidArgument, $"--page-server {text}: must be ADDRESS:PORT");
    }

    private static int? ReadStatus(CommandArguments arguments)
    {
        var number = arguments.Number("status-fd", -1);
        if (number < 0)
        {
            return null;
        }
        return Fcntl.IsOpen(number)
            ? number
            : throw new FaultException(FaultKind.InvalidArgument, $"--status-fd {number}: the descriptor is not open");
    }
}
