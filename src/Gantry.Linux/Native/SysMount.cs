using System.Runtime.InteropServices;
using System.Text;

namespace Gantry.Linux.Native;

/// <summary>sys/mount.h and linux/mount.h: mounting by path and by descriptor.</summary>
public static partial class SysMount
{
#pragma warning disable CS1591 // native names, documented in mount(2), mount_setattr(2), open_tree(2) and fsopen(2)
    public const ulong MS_RDONLY = 1;
    public const ulong MS_NOSUID = 2;
    public const ulong MS_NODEV = 4;
    public const ulong MS_NOEXEC = 8;
    public const ulong MS_REMOUNT = 32;
    public const ulong MS_NOSYMFOLLOW = 256;
    public const ulong MS_NOATIME = 1024;
    public const ulong MS_NODIRATIME = 2048;
    public const ulong MS_BIND = 4096;
    public const ulong MS_MOVE = 8192;
    public const ulong MS_REC = 16384;
    public const ulong MS_UNBINDABLE = 1 << 17;
    public const ulong MS_PRIVATE = 1 << 18;
    public const ulong MS_SLAVE = 1 << 19;
    public const ulong MS_SHARED = 1 << 20;
    public const ulong MS_STRICTATIME = 1 << 24;
    public const int MNT_DETACH = 2;
    public const int UMOUNT_NOFOLLOW = 8;
    public const ulong MOUNT_ATTR_RDONLY = 0x1;
    public const ulong MOUNT_ATTR_NOSUID = 0x2;
    public const ulong MOUNT_ATTR_NODEV = 0x4;
    public const ulong MOUNT_ATTR_NOEXEC = 0x8;
    public const ulong MOUNT_ATTR__ATIME = 0x70;
    public const ulong MOUNT_ATTR_NOATIME = 0x10;
    public const ulong MOUNT_ATTR_STRICTATIME = 0x20;
    public const ulong MOUNT_ATTR_NODIRATIME = 0x80;
    public const ulong MOUNT_ATTR_IDMAP = 0x100000;
    public const ulong MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

    internal const int OPEN_TREE_CLONE = 1;
    private const uint MOVE_MOUNT_F_EMPTY_PATH = 0x4;
    private const uint MOVE_MOUNT_T_EMPTY_PATH = 0x40;
    private const uint FSOPEN_CLOEXEC = 1;
    private const uint FSMOUNT_CLOEXEC = 1;
    private const uint FSCONFIG_SET_FLAG = 0;
    private const uint FSCONFIG_SET_STRING = 1;
    private const uint FSCONFIG_CMD_CREATE = 6;
#pragma warning restore CS1591

    /// <summary>mount(2).</summary>
    public static void Mount(string? source, string target, string? type, ulong flags, string? data = null) =>
        LinuxException.Check(mount(source, target, type, (nuint)flags, data), "mount", target);

    /// <summary>mount(2): 0, or the errno.</summary>
    public static int TryMount(string? source, string target, string? type, ulong flags) =>
        mount(source, target, type, (nuint)flags, null) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>The MS_ flags of MOUNT_ATTR_ bits.</summary>
    public static ulong FlagsOf(ulong attributes)
    {
        (ulong Attribute, ulong Flag)[] pairs =
        [
            (MOUNT_ATTR_RDONLY, MS_RDONLY), (MOUNT_ATTR_NOSUID, MS_NOSUID), (MOUNT_ATTR_NODEV, MS_NODEV),
            (MOUNT_ATTR_NOEXEC, MS_NOEXEC), (MOUNT_ATTR_NOATIME, MS_NOATIME), (MOUNT_ATTR_STRICTATIME, MS_STRICTATIME),
            (MOUNT_ATTR_NODIRATIME, MS_NODIRATIME), (MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW),
        ];
        return pairs.Where(pair => (attributes & pair.Attribute) != 0).Aggregate(0UL, static (flags, pair) => flags | pair.Flag);
    }

    /// <summary>umount2(2).</summary>
    public static void Unmount(string target, int flags) => LinuxException.Check(umount2(target, flags), "umount2", target);

    /// <summary>umount2(2): 0, or the errno.</summary>
    public static int TryUnmount(string target, int flags) =>
        umount2(target, flags) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>
    /// open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at a path (or, when the path is empty, of a
    /// descriptor), with what is mounted below it when <paramref name="recursive"/>.
    /// </summary>
    public static FileDescriptor CloneTree(int directory, string path, bool recursive, bool follow = true)
    {
        const int always = OPEN_TREE_CLONE | Fcntl.O_CLOEXEC;
        var flags = always | (path.Length == 0 ? Fcntl.AT_EMPTY_PATH : 0) | (recursive ? Fcntl.AT_RECURSIVE : 0)
            | (follow ? 0 : Fcntl.AT_SYMLINK_NOFOLLOW);
        var result = open_tree(Syscall.Open_tree, directory, path, (uint)flags);
        return new FileDescriptor(LinuxException.Check(result, "open_tree", path));
    }

    /// <summary>move_mount(2): attaches a detached mount at an opened directory or file.</summary>
    public static void Attach(int tree, int target, string name)
    {
        var result = move_mount(
            Syscall.Move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
        LinuxException.Check(result, "move_mount", name);
    }

    /// <summary>mount_setattr(2) on an opened mount.</summary>
    public static void SetAttributes(
        int mount, ulong set, ulong clear, ulong propagation, bool recursive, string name, int userNamespace = 0)
    {
        var attributes = new MountAttributes
        {
            Set = set,
            Clear = clear,
            Propagation = propagation,
            UserNamespace = (ulong)userNamespace,
        };
        var flags = (uint)(Fcntl.AT_EMPTY_PATH | (recursive ? Fcntl.AT_RECURSIVE : 0));
        var result = mount_setattr(
            Syscall.Mount_setattr, mount, "", flags, in attributes, (nuint)Marshal.SizeOf<MountAttributes>());
        LinuxException.Check(result, "mount_setattr", name);
    }

    /// <summary>
    /// fsopen(2), fsconfig(2) and fsmount(2): a new, detached mount. Options are "key" or "key=value". A refusal carries what
    /// the file system itself said.
    /// </summary>
    public static FileDescriptor NewMount(string type, string? source, IEnumerable<string> options, ulong attributes)
    {
        using var context = new FileDescriptor(
            LinuxException.Check(fsopen(Syscall.Fsopen, type, FSOPEN_CLOEXEC), "fsopen", type));
        if (source is not null)
        {
            Configure(context.Number, type, FSCONFIG_SET_STRING, "source", source);
        }
        foreach (var option in options)
        {
            var equals = option.IndexOf('=');
            if (equals < 0)
            {
                Configure(context.Number, type, FSCONFIG_SET_FLAG, option, null);
            }
            else
            {
                Configure(context.Number, type, FSCONFIG_SET_STRING, option[..equals], option[(equals + 1)..]);
            }
        }
        Configure(context.Number, type, FSCONFIG_CMD_CREATE, null, null);
        var mount = fsmount(Syscall.Fsmount, context.Number, FSMOUNT_CLOEXEC, (uint)attributes);
        return new FileDescriptor(LinuxException.Check(mount, "fsmount", type));
    }

    private static void Configure(int context, string type, uint command, string? key, string? value)
    {
        if (fsconfig(Syscall.Fsconfig, context, command, key, value, 0) >= 0)
        {
            return;
        }
        var errno = Marshal.GetLastPInvokeError();
        var subject = key is null ? type : value is null ? $"{type} {key}" : $"{type} {key}={value}";
        Span<byte> log = stackalloc byte[256];
        var length = read(context, log, (nuint)log.Length);
        if (length > 2)
        {
            // A line of the context's log: "e tmpfs: Bad value for 'size'".
            subject = $"{subject} [{Encoding.UTF8.GetString(log[2..(int)length]).Trim()}]";
        }
        throw new LinuxException("fsconfig", subject, errno);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string? source, string target, string? type, nuint flags, string? data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open_tree(nint number, int directory, string path, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int move_mount(
        nint number, int fromDirectory, string fromPath, int toDirectory, string toPath, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount_setattr(
        nint number, int directory, string path, uint flags, in MountAttributes attributes, nuint size);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int fsopen(nint number, string type, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int fsconfig(nint number, int context, uint command, string? key, string? value, int auxiliary);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int fsmount(nint number, int context, uint flags, uint attributes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int fd, Span<byte> buffer, nuint count);

    [StructLayout(LayoutKind.Sequential)]
    internal struct MountAttributes
    {
        public ulong Set;
        public ulong Clear;
        public ulong Propagation;
        public ulong UserNamespace;
    }
}
