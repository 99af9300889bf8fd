using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/syscall.h: numbers of the calls that the oldest supported C library (glibc 2.36) does not wrap alike.</summary>
internal static class Syscall
{
    /// <summary>pidfd_send_signal(2); from here up the numbers are the same on every architecture.</summary>
    public const nint Pidfd_send_signal = 424;
    public const nint Open_tree = 428;
    public const nint Move_mount = 429;
    public const nint Fsopen = 430;
    public const nint Fsconfig = 431;
    public const nint Fsmount = 432;
    public const nint Pidfd_open = 434;
    public const nint Close_range = 436;
    public const nint Openat2 = 437;
    public const nint Mount_setattr = 442;

    public static nint Clone => Arm ? 220 : 56;

    public static nint Pivot_root => Arm ? 41 : 155;

    public static nint Capset => Arm ? 91 : 126;

    public static nint Capget => Arm ? 90 : 125;

    public static nint Setresuid => Arm ? 147 : 117;

    public static nint Setresgid => Arm ? 149 : 119;

    public static nint Setgroups => Arm ? 159 : 116;

    public static nint Keyctl => Arm ? 219 : 250;

    public static nint Getcwd => Arm ? 17 : 79;

    public static nint Seccomp => Arm ? 277 : 317;

    public static nint Sched_setattr => Arm ? 274 : 314;

    public static nint Set_mempolicy => Arm ? 237 : 238;

    public static nint Ioprio_set => Arm ? 30 : 251;

    internal static bool Arm => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
}
