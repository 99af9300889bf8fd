using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>termios.h, the structure being opaque bytes.</summary>
public static partial class Termios
{
    private const int Size = 64; // sizeof(struct termios) is 60
    private const int TCSADRAIN = 1;
    private const int OutputModes = 4; // offsetof(struct termios, c_oflag), the flags' lowest byte
    private const byte OPOST = 1;
    private const byte ONLCR = 4;

    /// <summary>Sets raw mode and returns the former mode; false when the descriptor is no terminal.</summary>
    public static bool TrySetRaw(int descriptor, out byte[] former)
    {
        former = new byte[Size];
        if (tcgetattr(descriptor, former) != 0)
        {
            return false;
        }
        var raw = (byte[])former.Clone();
        cfmakeraw(raw);
        // Lines that come without a carriage return still begin at the left.
        raw[OutputModes] |= (byte)(OPOST | (former[OutputModes] & ONLCR));
        return tcsetattr(descriptor, TCSADRAIN, raw) == 0;
    }

    /// <summary>Lets a terminal pass ends of lines on as they were written, without a carriage return before each.</summary>
    public static void ClearNewlineMapping(int descriptor)
    {
        var mode = new byte[Size];
        if (tcgetattr(descriptor, mode) == 0)
        {
            mode[OutputModes] &= unchecked((byte)~ONLCR);
            _ = tcsetattr(descriptor, TCSADRAIN, mode);
        }
    }

    /// <summary>Sets a mode that <see cref="TrySetRaw"/> returned.</summary>
    public static void Restore(int descriptor, byte[] mode) => _ = tcsetattr(descriptor, TCSADRAIN, mode);

    [LibraryImport("libc")]
    private static partial int tcgetattr(int fd, byte[] mode);

    [LibraryImport("libc")]
    private static partial int tcsetattr(int fd, int actions, byte[] mode);

    [LibraryImport("libc")]
    private static partial void cfmakeraw(byte[] mode);
}
