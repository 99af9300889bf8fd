using Gantry.Faults;
using Gantry.Linux.Native;
using Gantry.Runtime.Commands;

namespace Gantry.Runtime.Checkpoint;

/// <summary>What checkpoint and restore are told about how CRIU is to work; see the commands' option tables.</summary>
internal sealed record CriuOptions
{
    public required string Id { get; init; }

    public required string ImagePath { get; init; }

    public string? WorkPath { get; init; }

    /// <summary>criu_cg_mode.</summary>
    public int CgroupMode { get; init; }

    /// <summary>CLONE_NEW flags of namespaces that are made new and empty.</summary>
    public int EmptyNamespaces { get; init; }

    /// <summary>The options that are passed on as they are: field number of criu_opts and value.</summary>
    public IReadOnlyList<(int Field, bool Value)> Flags { get; init; } = [];

    public static CriuOptions Read(CommandArguments arguments)
    {
        var mode = CriuFields.CgroupMode(arguments.Value("manage-cgroups-mode"));
        if (mode < 0)
        {
            throw new FaultException(
                FaultKind.InvalidArgument,
                $"--manage-cgroups-mode {arguments.Value("manage-cgroups-mode")}: must be soft, full, strict or ignore");
        }
        return new CriuOptions
        {
            Id = arguments.Id(),
            ImagePath = Path.GetFullPath(arguments.Value("image-path") is { Length: > 0 } path ? path : "checkpoint"),
            WorkPath = arguments.Value("work-path") is { Length: > 0 } work ? Path.GetFullPath(work) : null,
            CgroupMode = mode,
            EmptyNamespaces = ReadNamespaces(arguments),
            Flags =
            [
                (CriuFields.TcpEstablished, arguments.Has("tcp-established")),
                (CriuFields.ExternalUnixSockets, arguments.Has("ext-unix-sk")),
                (CriuFields.ShellJob, arguments.Has("shell-job")),
                (CriuFields.FileLocks, arguments.Has("file-locks")),
                (CriuFields.AutoDedup, arguments.Has("auto-dedup")),
                (CriuFields.LazyPages, arguments.Has("lazy-pages")),
            ],
        };
    }

    private static int ReadNamespaces(CommandArguments arguments)
    {
        var flags = 0;
        foreach (var name in arguments.Values("empty-ns"))
        {
            flags |= name == "network"
                ? (int)Sched.CLONE_NEWNET
                : throw new FaultException(FaultKind.InvalidArgument, $"--empty-ns {name}: CRIU knows network only");
        }
        return flags;
    }
}
