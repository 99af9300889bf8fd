using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>linux/keyctl.h: session keyrings (keyctl(2)).</summary>
public static partial class Keyctl
{
    internal const int KEYCTL_JOIN_SESSION_KEYRING = 1;

    internal const int KEYCTL_SETPERM = 5;

    // What a session keyring has from the start, and that other processes of the user may join it by its name.
    private const int KEY_POS_ALL = 0x3f000000;
    private const int KEY_USR_VIEW_READ_SEARCH_LINK = 0x001b0000;

    /// <summary>
    /// Gives this process the session keyring of a name, a new one unless there is one that it may use. Returns 0, or the errno.
    /// </summary>
    public static int TryJoinSession(string name)
    {
        var id = keyctl(Syscall.Keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0);
        return id >= 0 && keyctl(Syscall.Keyctl, KEYCTL_SETPERM, id, KEY_POS_ALL | KEY_USR_VIEW_READ_SEARCH_LINK, 0, 0) >= 0
            ? 0
            : Marshal.GetLastPInvokeError();
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint keyctl(nint number, int operation, string name, nint arg3, nint arg4, nint arg5);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint keyctl(nint number, int operation, nint arg2, nint arg3, nint arg4, nint arg5);
}
