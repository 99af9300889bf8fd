using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.State;

/// <summary>
/// The runtime's state root (--root): one directory for each container, made exclusively, so that an id is used once. It
/// holds state.json and, until the container is started, start.sock.
/// </summary>
internal sealed class StateStore(string root)
{
    private const string RecordName = "state.json";
    /// <summary>Where a root is mounted while it is restored, in a mount namespace of CRIU's own.</summary>
    public const string RestoreRootName = "criu-root";

    private const int MaxIdLength = 255;

    private const string IdCharacters = "0123456789_.-+abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    public string Root { get; } = Path.GetFullPath(root);

    public static void CheckId(string id)
    {
        var valid = id.Length is > 0 and <= MaxIdLength && id is not ("." or "..")
            && !id.AsSpan().ContainsAnyExcept(IdCharacters);
        if (!valid)
        {
            throw new FaultException(
                FaultKind.InvalidArgument, $"container id \"{id}\": use 1 to {MaxIdLength} of letters, digits, _ . - +");
        }
    }

    public string DirectoryOf(string id) => $"{Root}/{id}";

    /// <summary>Claims an id.</summary>
    public void Claim(string id)
    {
        CheckId(id);
        var errno = SysStat.TryMakeDirectory(Fcntl.AT_FDCWD, DirectoryOf(id), 0x1C0);
        if (errno == Errno.ENOENT)
        {
            Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            errno = SysStat.TryMakeDirectory(Fcntl.AT_FDCWD, DirectoryOf(id), 0x1C0);
        }
        if (errno == Errno.EEXIST)
        {
            throw new FaultException(FaultKind.AlreadyExists, $"container \"{id}\" exists");
        }
        if (errno != 0)
        {
            throw new LinuxException("mkdir", DirectoryOf(id), errno);
        }
    }

    public void Save(ContainerRecord record)
    {
        var path = $"{DirectoryOf(record.Id)}/{RecordName}";
        SmallFile.Write(path + ".new", record.ToJson());
        Unistd.Rename(path + ".new", path);
    }

    public ContainerRecord Load(string id) =>
        TryLoad(id) ?? throw new FaultException(FaultKind.NotFound, $"container \"{id}\" does not exist");

    public ContainerRecord? TryLoad(string id)
    {
        CheckId(id);
        var path = $"{DirectoryOf(id)}/{RecordName}";
        return SmallFile.TryRead(path) is { } json ? ContainerRecord.Parse(json, path) : null;
    }

    public bool IsClaimed(string id) =>
        SysStat.TryStatus(Fcntl.AT_FDCWD, DirectoryOf(id), false, out var status) == 0 && status.IsDirectory;

    public IReadOnlyList<string> Ids() =>
        Directory.Exists(Root)
            ? [.. Directory.GetDirectories(Root).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)]
            : [];

    public void Release(string id)
    {
        var directory = DirectoryOf(id);
        foreach (var name in (ReadOnlySpan<string>)[RecordName, RecordName + ".new", StartSocket.Name])
        {
            Unistd.Unlink($"{directory}/{name}");
        }
        NotifySocket.Remove(directory);
        _ = Unistd.TryRemoveDirectory($"{directory}/{RestoreRootName}");
        var errno = Unistd.TryRemoveDirectory(directory);
        if (errno is not (0 or Errno.ENOENT))
        {
            throw new LinuxException("rmdir", directory, errno);
        }
    }
}
