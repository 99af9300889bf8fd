using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Rootfs;

namespace Gantry.Runtime.Launch;

/// <summary>Descriptors 0, 1 and 2 of a container's process: given ones, or a new pseudo terminal of the container.</summary>
internal readonly record struct StandardStreams(int Input, int Output, int Error)
{
    /// <summary>The runtime's own.</summary>
    public static StandardStreams Inherited => new(0, 1, 2);

    /// <summary>Puts the descriptors in their places.</summary>
    public void Install()
    {
        // Each may sit where another belongs; the sources are above 2 in every case but the inherited one.
        Unistd.Duplicate(Input, 0, 0);
        Unistd.Duplicate(Output, 1, 0);
        Unistd.Duplicate(Error, 2, 0);
    }

    /// <summary>
    /// Opens those of the streams that are the host's null device anew as the container's: no descriptor of the container then
    /// leads to a file system of the host, and a checkpoint knows every open file's mount.
    /// </summary>
    public static void ReopenNull(RootTree root)
    {
        for (var number = 0; number < 3; number++)
        {
            if (!Fcntl.IsOpen(number) || !SysStat.Status(number).IsCharacterDevice(1, 3))
            {
                continue;
            }
            using var found = root.TryOpen("/dev/null");
            if (found is null || !SysStat.Status(found.Number).IsCharacterDevice(1, 3))
            {
                return; // a container without the device keeps what it was given
            }
            using var opened = root.Open("/dev/null", Fcntl.O_RDWR | Fcntl.O_NOCTTY);
            Unistd.Duplicate(opened.Number, number, 0);
        }
    }

    /// <summary>
    /// Opens a terminal of the container's own devpts, installs its slave as the standard streams and returns the master.
    /// With <paramref name="bindConsole"/> the slave is mounted on /dev/console as well.
    /// </summary>
    public static FileDescriptor InstallTerminal(RootTree root, ProcessSpec process, bool bindConsole, bool isForeground)
    {
        var master = OpenMaster(root);
        SysIoctl.UnlockTerminal(master.Number);
        if (isForeground)
        {
            // As runc: what is piped from it has the ends of lines that the program has written. Terminals add theirs.
            Termios.ClearNewlineMapping(master.Number);
        }
        using var slave = SysIoctl.OpenPeer(master.Number, Fcntl.O_RDWR | Fcntl.O_NOCTTY);
        if (process.ConsoleSize is { Width: > 0, Height: > 0 } size)
        {
            SysIoctl.SetSize(slave.Number, size.Width, size.Height);
        }
        SysStat.ChangeOwner(slave.Number, "", process.User.Uid, uint.MaxValue);
        if (bindConsole)
        {
            // By descriptor: a path could be swapped for another file in between (CVE-2025-52565).
            using var tree = SysMount.CloneTree(slave.Number, "", recursive: false);
            using var target = root.OpenPlainFile("/dev/console");
            SysMount.Attach(tree.Number, target.Number, "/dev/console");
        }
        SysIoctl.SetControllingTerminal(slave.Number);
        new StandardStreams(slave.Number, slave.Number, slave.Number).Install();
        return master;
    }

    private static FileDescriptor OpenMaster(RootTree root)
    {
        var master = root.Open("/dev/pts/ptmx", Fcntl.O_RDWR | Fcntl.O_NOCTTY);
        if (!SysStat.Status(master.Number).IsCharacterDevice(5, 2))
        {
            master.Dispose();
            throw new FaultException(
                FaultKind.FailedPrecondition, "terminal: /dev/pts/ptmx is not a terminal master; mount devpts on /dev/pts");
        }
        return master;
    }
}
