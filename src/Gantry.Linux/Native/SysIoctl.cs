using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/ioctl.h and termios.h: terminals.</summary>
public static partial class SysIoctl
{
    private const nuint TIOCSCTTY = 0x540E;
    private const nuint TIOCGWINSZ = 0x5413;
    private const nuint TIOCSWINSZ = 0x5414;
    private const nuint TIOCGPTN = 0x80045430;
    private const nuint TIOCSPTLCK = 0x40045431;
    private const nuint TIOCGPTPEER = 0x5441;

    /// <summary>Sets a terminal's size.</summary>
    public static void SetSize(int terminal, ushort columns, ushort rows)
    {
        var size = new WindowSize { Rows = rows, Columns = columns };
        LinuxException.Check(ioctl_size(terminal, TIOCSWINSZ, ref size), "ioctl TIOCSWINSZ");
    }

    /// <summary>A terminal's size; false when the descriptor is none.</summary>
    public static bool TryGetSize(int terminal, out ushort columns, out ushort rows)
    {
        var size = default(WindowSize);
        var found = ioctl_size(terminal, TIOCGWINSZ, ref size) == 0;
        (columns, rows) = (size.Columns, size.Rows);
        return found;
    }

    /// <summary>Unlocks a pseudo terminal's slave and returns its number in the master's devpts.</summary>
    public static int UnlockTerminal(int master)
    {
        var value = 0;
        LinuxException.Check(ioctl_int(master, TIOCSPTLCK, ref value), "ioctl TIOCSPTLCK");
        LinuxException.Check(ioctl_int(master, TIOCGPTN, ref value), "ioctl TIOCGPTN");
        return value;
    }

    /// <summary>Opens the slave of a master without a path, so that nobody can put another file in its place.</summary>
    public static FileDescriptor OpenPeer(int master, int flags) =>
        new(LinuxException.Check(ioctl_value(master, TIOCGPTPEER, flags), "ioctl TIOCGPTPEER"));

    /// <summary>Makes a terminal the controlling one of this session.</summary>
    public static void SetControllingTerminal(int terminal) =>
        LinuxException.Check(ioctl_value(terminal, TIOCSCTTY, 0), "ioctl TIOCSCTTY");

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int ioctl_size(int fd, nuint request, ref WindowSize size);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int ioctl_int(int fd, nuint request, ref int value);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int ioctl_value(int fd, nuint request, nint value);

    [StructLayout(LayoutKind.Sequential)]
    internal struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort PixelsWide;
        public ushort PixelsHigh;
    }
}
