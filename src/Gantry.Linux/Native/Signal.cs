using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>signal.h and sys/signalfd.h.</summary>
public static partial class Signal
{
#pragma warning disable CS1591 // native names, documented in signal(7)
    public const int SIGHUP = 1;
    public const int SIGINT = 2;
    public const int SIGQUIT = 3;
    public const int SIGKILL = 9;
    public const int SIGUSR1 = 10;
    public const int SIGUSR2 = 12;
    public const int SIGPIPE = 13;
    public const int SIGTERM = 15;
    public const int SIGCHLD = 17;
    public const int SIGCONT = 18;
    public const int SIGWINCH = 28;

    private const int SIG_BLOCK = 0;
    private const int SIG_SETMASK = 2;
    private const int SFD_FLAGS = 0x80800;
    private const int SIGNALFD_SIGINFO_SIZE = 128;
    private const int Last = 64;
#pragma warning restore CS1591

    private static readonly string[] Names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
        "PWR", "SYS",
    ];

    /// <summary>A signal's number from "9", "KILL", "SIGKILL", "RTMIN+1" or "rtmax-1"; -1 when there is none.</summary>
    public static int Parse(string text)
    {
        if (int.TryParse(text, out var number))
        {
            return number is >= 0 and <= Last ? number : -1;
        }
        var name = text.ToUpperInvariant();
        name = name.StartsWith("SIG", StringComparison.Ordinal) ? name[3..] : name;
        var index = Array.IndexOf(Names, name);
        if (index > 0)
        {
            return index;
        }
        return name switch
        {
            "IOT" => 6,
            "POLL" => 29,
            "CLD" => 17,
            "RTMIN" => 34,
            "RTMAX" => Last,
            _ when name.StartsWith("RTMIN+", StringComparison.Ordinal) && int.TryParse(name.AsSpan(6), out var up)
                && up is >= 0 and <= 30 => 34 + up,
            _ when name.StartsWith("RTMAX-", StringComparison.Ordinal) && int.TryParse(name.AsSpan(6), out var down)
                && down is >= 0 and <= 30 => Last - down,
            _ => -1,
        };
    }

    /// <summary>kill(2): 0, or the errno.</summary>
    public static int TryKill(int pid, int signal) => kill(pid, signal) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Blocks signals and returns a non-blocking signalfd(2) that receives them.</summary>
    public static FileDescriptor OpenDescriptor(params ReadOnlySpan<int> signals)
    {
        Block(signals);
        var mask = MaskOf(signals);
        return new FileDescriptor(LinuxException.Check(signalfd(-1, in mask, SFD_FLAGS), "signalfd"));
    }

    /// <summary>Blocks signals in the calling thread; threads and programs that it starts inherit it.</summary>
    public static void Block(ReadOnlySpan<int> signals)
    {
        var mask = MaskOf(signals);
        LinuxException.Check(sigprocmask(SIG_BLOCK, in mask, 0), "sigprocmask");
    }

    /// <summary>True when the calling thread blocks all of the signals.</summary>
    public static bool AreBlocked(ReadOnlySpan<int> signals)
    {
        LinuxException.Check(sigprocmask(SIG_BLOCK, 0, out var current), "sigprocmask");
        var mask = MaskOf(signals);
        return (current.First & mask.First) == mask.First;
    }

    /// <summary>The next signal of a signalfd, or 0 when none is pending.</summary>
    public static int Next(int descriptor)
    {
        Span<byte> info = stackalloc byte[SIGNALFD_SIGINFO_SIZE];
        return Unistd.Read(descriptor, info) == info.Length ? BitConverter.ToInt32(info) : 0;
    }

    /// <summary>
    /// Unblocks every signal and sets every disposition to its default, as a new program expects: the .NET runtime ignores
    /// SIGPIPE, and an ignored signal stays ignored over execve.
    /// </summary>
    public static void ResetAll()
    {
        for (var number = 1; number <= Last; number++)
        {
            // KILL, STOP and the two that glibc keeps refuse; they are at their default anyway.
            _ = signal(number, 0);
        }
        var mask = default(SignalSet);
        LinuxException.Check(sigprocmask(SIG_SETMASK, in mask, 0), "sigprocmask");
    }

    private static SignalSet MaskOf(ReadOnlySpan<int> signals)
    {
        var mask = default(SignalSet);
        foreach (var number in signals)
        {
            mask.First |= 1UL << (number - 1);
        }
        return mask;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);

    [LibraryImport("libc")]
    private static partial nint signal(int number, nint handler);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sigprocmask(int how, in SignalSet set, nint old);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sigprocmask(int how, nint set, out SignalSet old);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int signalfd(int fd, in SignalSet set, int flags);

    [StructLayout(LayoutKind.Sequential, Size = 128)]
    internal struct SignalSet
    {
        public ulong First;
    }
}
