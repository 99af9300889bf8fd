using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>The last steps of a container's process, from set-up to execve, in the child itself and inside the container.</summary>
internal static class ProcessStart
{
    private const ulong MaxPasswdSize = 16 << 20;

    private const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Resource limits; one that may not be raised is set as high as it may be.</summary>
    public static void SetLimits(ProcessSpec process)
    {
        foreach (var limit in process.Rlimits ?? [])
        {
            var resource = SysResource.Number(limit.Type);
            var errno = SysResource.TrySetLimit(resource, limit.Soft, limit.Hard);
            if (errno == Errno.EPERM)
            {
                // Without CAP_SYS_RESOURCE a hard limit only goes down.
                var hard = Math.Min(limit.Hard, SysResource.GetLimit(resource).Hard);
                errno = SysResource.TrySetLimit(resource, Math.Min(limit.Soft, hard), hard);
            }
            if (errno != 0)
            {
                throw new LinuxException("setrlimit", limit.Type, errno);
            }
        }
    }

    /// <summary>
    /// Changes to the working directory, made when missing, and checks that it is inside the container. False when root may
    /// not enter it (a user namespace, a network file system): the process's own user may, later.
    /// </summary>
    public static bool TryEnterDirectory(string path)
    {
        try
        {
            Unistd.ChangeDirectory(path);
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.ENOENT)
        {
            Directory.CreateDirectory(path);
            Unistd.ChangeDirectory(path);
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EACCES)
        {
            return false;
        }
        CheckInside(path);
        return true;
    }

    /// <summary>Changes to the working directory with the rights of the process's user.</summary>
    public static void EnterDirectory(string path)
    {
        Unistd.ChangeDirectory(path);
        CheckInside(path);
    }

    /// <summary>CVE-2024-21626: through a leaked descriptor it could lie on the host, where getcwd(3) finds no path.</summary>
    private static void CheckInside(string path)
    {
        if (!Unistd.CurrentDirectory().StartsWith('/'))
        {
            throw new FaultException(FaultKind.PermissionDenied, $"process.cwd {path}: is outside of the container");
        }
    }

    /// <summary>Sets HOME, unless the environment has it, to what the container's /etc/passwd says of the user, else to /.</summary>
    public static void SetHome(ProcessSpec process)
    {
        var environment = process.Env ??= [];
        KeepLast(environment);
        if (environment.FindLast(static item => item.StartsWith("HOME=", StringComparison.Ordinal)) is { Length: > 5 })
        {
            return;
        }
        environment.RemoveAll(static item => item.StartsWith("HOME=", StringComparison.Ordinal));
        var home = "/";
        using var passwd = OpenPasswd();
        var text = passwd is null ? "" : Encoding.UTF8.GetString(State.SmallFile.ReadToEnd(passwd.Number));
        foreach (var line in text.Split('\n'))
        {
            var fields = line.Split(':');
            if (fields.Length > 5 && fields[2] == process.User.Uid.ToString(CultureInfo.InvariantCulture) && fields[5].Length > 0)
            {
                home = fields[5];
                break;
            }
        }
        environment.Add("HOME=" + home);
    }

    /// <summary>Of variables that are named twice the last one holds, for programs that would take the first.</summary>
    private static void KeepLast(List<string> environment)
    {
        for (var i = environment.Count - 2; i >= 0; i--)
        {
            var name = environment[i].AsSpan(0, environment[i].IndexOf('=') + 1);
            for (var j = i + 1; name.Length > 0 && j < environment.Count; j++)
            {
                if (environment[j].AsSpan().StartsWith(name, StringComparison.Ordinal))
                {
                    environment.RemoveAt(i);
                    break;
                }
            }
        }
    }

    /// <summary>A file that is none (a pipe would block its reader) or too large to be it counts as missing.</summary>
    private static FileDescriptor? OpenPasswd()
    {
        var number = Fcntl.TryOpen("/etc/passwd", Fcntl.O_RDONLY | Fcntl.O_NONBLOCK);
        if (number < 0)
        {
            return null;
        }
        var file = new FileDescriptor(number);
        var status = SysStat.Status(number);
        if ((status.Mode & SysStat.S_IFMT) == SysStat.S_IFREG && status.Size <= MaxPasswdSize)
        {
            return file;
        }
        file.Dispose();
        return null;
    }

    /// <summary>The program's path inside the container, from PATH of the process's environment.</summary>
    public static string FindProgram(ProcessSpec process)
    {
        var name = process.Args[0];
        if (name.Contains('/'))
        {
            var errno = TryAccess(process, name);
            return errno == 0 ? name : throw NotExecutable(name, errno);
        }
        var path = process.Env?.LastOrDefault(static item => item.StartsWith("PATH=", StringComparison.Ordinal)) ?? DefaultPath;
        var denied = false;
        foreach (var directory in path[5..].Split(':'))
        {
            var candidate = directory.Length == 0 ? "./" + name : $"{directory}/{name}";
            if (SysStat.TryStatus(Fcntl.AT_FDCWD, candidate, true, out var status) != 0 || status.IsDirectory)
            {
                continue;
            }
            if (TryAccess(process, candidate) == 0)
            {
                return candidate;
            }
            denied = true;
        }
        throw denied
            ? NotExecutable(name, Errno.EACCES)
            : new FaultException(FaultKind.NotFound, $"exec: \"{name}\": executable file not found in $PATH");
    }

    /// <summary>access(2) does not count the capabilities of an ordinary user, as execve(2) will: with one, any right to execute is enough.</summary>
    private static int TryAccess(ProcessSpec process, string path)
    {
        const uint AnyExecute = 0x49; // 0111
        var errno = Execution.TryAccess(path);
        return errno == Errno.EACCES && process.Capabilities?.Effective?.Contains("CAP_DAC_OVERRIDE") == true
            && SysStat.TryStatus(Fcntl.AT_FDCWD, path, true, out var status) == 0 && !status.IsDirectory && (status.Mode & AnyExecute) != 0
                ? 0
                : errno;
    }

    /// <summary>
    /// Closes every descriptor from 3 + preserved on but for those named. Before anything is looked up that the container has
    /// a say in: by /proc/self/fd a path could lead through a descriptor to the host (CVE-2024-21626).
    /// </summary>
    public static void CloseOthers(int preserved, params Span<int> kept)
    {
        ReadSeeds();
        kept.Sort();
        var first = 3 + preserved;
        foreach (var number in kept)
        {
            if (number > first)
            {
                Unistd.CloseRange((uint)first, (uint)number - 1, 0);
            }
            first = Math.Max(first, number + 1);
        }
        Unistd.CloseRange((uint)first, uint.MaxValue, 0);
    }

    /// <summary>
    /// The class library reads its seeds at their first use, from a descriptor of /dev/urandom that it keeps open, and would
    /// read from whatever has that number later.
    /// </summary>
    public static void ReadSeeds() => _ = HashCode.Combine(string.Empty.GetHashCode(StringComparison.Ordinal));

    /// <summary>
    /// A session keyring of the container's own: keys of whoever called the runtime stay out of it (keyrings(7)). Every process
    /// of the container joins it by its name.
    /// </summary>
    public static void JoinKeyring(string id)
    {
        var errno = Keyctl.TryJoinSession("_ses." + id);
        if (errno is not (0 or Errno.ENOSYS))
        {
            throw new LinuxException("keyctl KEYCTL_JOIN_SESSION_KEYRING", "_ses." + id, errno);
        }
    }

    /// <summary>
    /// Everything that takes privileges but for a filter's loading: identity, capabilities where no_new_privs lets a filter be
    /// loaded without any, and what depends on who the process is. Descriptors from 3 + <paramref name="preserved"/> on close at
    /// the execve.
    /// </summary>
    public static void DropPrivileges(ProcessSpec process, int preserved, bool isInDirectory, bool diesWithParent)
    {
        var capabilities = CapabilitySets.From(process.Capabilities);
        capabilities.LimitBounding();
        SysPrctl.ClearAmbient();
        SysPrctl.SetKeepCapabilities(true);
        SetIdentity(process.User);
        SysPrctl.SetKeepCapabilities(false);
        SysStat.SetMask(process.User.Umask ?? 0x12);
        if (!isInDirectory)
        {
            EnterDirectory(process.Cwd);
        }
        if (process.NoNewPrivileges)
        {
            capabilities.Apply();
            SysPrctl.SetNoNewPrivileges();
        }
        if (diesWithParent)
        {
            // Again: the change of credentials has cleared it.
            SysPrctl.SetParentDeathSignal(Signal.SIGKILL);
        }
        Unistd.CloseRange((uint)(3 + preserved), uint.MaxValue, Unistd.CLOSE_RANGE_CLOEXEC);
    }

    /// <summary>Why a program is not executed.</summary>
    public static FaultException NotExecutable(string name, int errno)
    {
        var cause = new LinuxException("exec", $"\"{name}\"", errno);
        return errno == Errno.ENOENT
            ? new FaultException(FaultKind.NotFound, $"exec: \"{name}\": no such file or directory", cause)
            : errno == Errno.EACCES
                ? new FaultException(FaultKind.PermissionDenied, $"exec: \"{name}\": permission denied", cause)
                : cause;
    }

    private static void SetIdentity(UserSpec user)
    {
        try
        {
            Unistd.SetGroups(CollectionsMarshal.AsSpan(user.AdditionalGids));
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EPERM && DeniesGroups())
        {
            if (user.AdditionalGids is { Count: > 0 } groups)
            {
                CommandOutput.Warn(
                    $"process.user.additionalGids {string.Join(", ", groups)}: not set, since this user namespace denies setgroups(2)");
            }
        }
        Unistd.SetGroupId(user.Gid);
        Unistd.SetUserId(user.Uid);
    }
    /// <summary>True in a user namespace that an ordinary user has mapped alone (user_namespaces(7)).</summary>
    private static bool DeniesGroups() => State.SmallFile.TryRead("/proc/self/setgroups") is [(byte)'d', ..];
}
