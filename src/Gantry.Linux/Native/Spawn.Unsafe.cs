using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>spawn.h.</summary>
public static unsafe partial class Spawn
{
    // sizeof(posix_spawn_file_actions_t) is 80 and of posix_spawnattr_t 336 in glibc; room to spare.
    private const int OpaqueSize = 512;
    private const short POSIX_SPAWN_SETSIGDEF = 4;
    private const short POSIX_SPAWN_SETSIGMASK = 8;
    private const short POSIX_SPAWN_SETSID = 128;

    /// <summary>
    /// posix_spawn(3) of a program in its own session, with every signal at its default, and standard input, output and error
    /// the given descriptors. Returns the child's process id; the caller reaps it. Safe in a process with threads.
    /// </summary>
    public static int Start(
        string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, int input, int output, int error)
    {
        var actions = stackalloc byte[OpaqueSize];
        var attributes = stackalloc byte[OpaqueSize];
        var mask = stackalloc byte[128];
        CheckCode(posix_spawn_file_actions_init(actions), path);
        CheckCode(posix_spawnattr_init(attributes), path);
        using var argv = new NativeStringList(arguments);
        using var envp = new NativeStringList(environment);
        try
        {
            CheckCode(posix_spawn_file_actions_adddup2(actions, input, 0), path);
            CheckCode(posix_spawn_file_actions_adddup2(actions, output, 1), path);
            CheckCode(posix_spawn_file_actions_adddup2(actions, error, 2), path);
            sigemptyset(mask);
            CheckCode(posix_spawnattr_setsigmask(attributes, mask), path);
            sigfillset(mask);
            CheckCode(posix_spawnattr_setsigdefault(attributes, mask), path);
            const short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
            CheckCode(posix_spawnattr_setflags(attributes, flags), path);
            int pid;
            CheckCode(posix_spawn(&pid, path, actions, attributes, argv.Pointer, envp.Pointer), path);
            return pid;
        }
        finally
        {
            posix_spawn_file_actions_destroy(actions);
            posix_spawnattr_destroy(attributes);
        }
    }

    private static void CheckCode(int code, string path)
    {
        if (code != 0)
        {
            throw new LinuxException("posix_spawn", path, code);
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn(int* pid, string path, byte* actions, byte* attributes, byte** argv, byte** envp);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(byte* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_destroy(byte* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(byte* actions, int from, int to);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_init(byte* attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_destroy(byte* attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setflags(byte* attributes, short flags);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigmask(byte* attributes, byte* mask);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigdefault(byte* attributes, byte* mask);

    [LibraryImport("libc")]
    private static partial int sigemptyset(byte* mask);

    [LibraryImport("libc")]
    private static partial int sigfillset(byte* mask);
}
