using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using Gantry.Linux.Native;

[assembly: SupportedOSPlatform("linux")]

namespace Gantry.Linux.Tests;

/// <summary>Proves sizes, offsets and constants against the C compiler and the system's headers.</summary>
public sealed class AbiTests
{
    private const string Headers =
        "#define _GNU_SOURCE\n#include <stdio.h>\n#include <stddef.h>\n#include <errno.h>\n#include <fcntl.h>\n#include <poll.h>\n"
        + "#include <sched.h>\n#include <signal.h>\n#include <spawn.h>\n#include <termios.h>\n#include <linux/mempolicy.h>\n#include <unistd.h>\n#include <net/if.h>\n"
        + "#include <sys/ioctl.h>\n#include <sys/mman.h>\n#include <sys/mount.h>\n#include <sys/prctl.h>\n#include <sys/resource.h>\n#include <sys/signalfd.h>\n"
        + "#include <sys/socket.h>\n#include <sys/stat.h>\n#include <sys/statfs.h>\n#include <sys/syscall.h>\n#include <sys/un.h>\n"
        + "#include <sys/wait.h>\n#include <linux/capability.h>\n#include <linux/filter.h>\n#include <linux/magic.h>\n"
        + "#include <linux/openat2.h>\n#include <linux/close_range.h>\n#include <linux/keyctl.h>\n"
        + "#include <linux/ioprio.h>\n#include <linux/sched.h>\n#include <sys/personality.h>\n"
        // The C library has its own struct sched_param, and from glibc 2.41 on struct sched_attr as well.
        + "#ifndef SCHED_ATTR_SIZE_VER0\n#define sched_param linux_sched_param\n#include <linux/sched/types.h>\n#undef sched_param\n#endif\n";

    [Fact]
    public void Structures_SizesAndOffsets_AreThoseOfTheHeaders()
    {
        (string C, long Ours)[] facts =
        [
            ("sizeof(struct open_how)", Marshal.SizeOf<Fcntl.OpenHow>()),
            ("sizeof(struct mount_attr)", Marshal.SizeOf<SysMount.MountAttributes>()),
            ("offsetof(struct mount_attr, propagation)", Marshal.OffsetOf<SysMount.MountAttributes>("Propagation")),
            ("sizeof(struct pollfd)", Marshal.SizeOf<PollDescriptor>()),
            ("offsetof(struct pollfd, revents)", Marshal.OffsetOf<PollDescriptor>("Ready")),
            ("sizeof(struct winsize)", Marshal.SizeOf<SysIoctl.WindowSize>()),
            ("offsetof(struct winsize, ws_col)", Marshal.OffsetOf<SysIoctl.WindowSize>("Columns")),
            ("sizeof(struct rlimit)", Marshal.SizeOf<SysResource.ResourceLimit>()),
            ("sizeof(sigset_t)", Marshal.SizeOf<Signal.SignalSet>()),
            ("sizeof(struct statfs)", Marshal.SizeOf<SysStat.FileSystemStatus>()),
            ("offsetof(struct statfs, f_flags)", Marshal.OffsetOf<SysStat.FileSystemStatus>("Flags")),
            ("sizeof(struct statx)", Marshal.SizeOf<FileStatus>()),
            ("offsetof(struct statx, stx_nlink)", Marshal.OffsetOf<FileStatus>("Links")),
            ("offsetof(struct statx, stx_uid)", Marshal.OffsetOf<FileStatus>("UserId")),
            ("offsetof(struct statx, stx_mode)", Marshal.OffsetOf<FileStatus>("Mode")),
            ("offsetof(struct statx, stx_ino)", Marshal.OffsetOf<FileStatus>("Inode")),
            ("offsetof(struct statx, stx_size)", Marshal.OffsetOf<FileStatus>("Size")),
            ("offsetof(struct statx, stx_rdev_major)", Marshal.OffsetOf<FileStatus>("DeviceMajor")),
            ("sizeof(struct __user_cap_header_struct)", Marshal.SizeOf<LinuxCapability.CapabilityHeader>()),
            ("sizeof(struct __user_cap_data_struct)", Marshal.SizeOf<LinuxCapability.CapabilityData>()),
            ("sizeof(struct ifreq)", Marshal.SizeOf<NetIf.InterfaceRequest>()),
            ("offsetof(struct ifreq, ifr_flags)", Marshal.OffsetOf<NetIf.InterfaceRequest>("Flags")),
            ("sizeof(struct sockaddr_un)", Marshal.SizeOf<SysSocket.UnixAddress>()),
            ("sizeof(struct msghdr)", Marshal.SizeOf<SysSocket.MessageHeader>()),
            ("offsetof(struct msghdr, msg_control)", Marshal.OffsetOf<SysSocket.MessageHeader>("Control")),
            ("offsetof(struct msghdr, msg_flags)", Marshal.OffsetOf<SysSocket.MessageHeader>("Flags")),
            ("CMSG_SPACE(sizeof(int))", Marshal.SizeOf<SysSocket.ControlMessage>()),
            ("CMSG_LEN(0)", Marshal.OffsetOf<SysSocket.ControlMessage>("Descriptor")),
            ("sizeof(struct sched_attr)", Marshal.SizeOf<SchedAttributes>()),
            ("offsetof(struct sched_attr, sched_deadline)", Marshal.OffsetOf<SchedAttributes>("Deadline")),
            ("offsetof(struct sched_attr, sched_util_min)", Marshal.OffsetOf<SchedAttributes>("UtilMin")),
            ("sizeof(cpu_set_t) * 8", SchedPolicy.CPU_SETSIZE),
            ("sizeof(struct sock_fprog)", Marshal.SizeOf<Native.Seccomp.FilterProgram>()),
            ("offsetof(struct sock_fprog, filter)", Marshal.OffsetOf<Native.Seccomp.FilterProgram>("Code")),
        ];
        Verify(facts);
    }

    [Fact]
    public void SpawnStructures_FitTheirOpaqueRoom()
    {
        var values = Evaluate(["sizeof(posix_spawn_file_actions_t)", "sizeof(posix_spawnattr_t)", "sizeof(struct termios)"]);
        Assert.All(values[..2], static size => Assert.InRange(size, 1, 512));
        Assert.InRange(values[2], 1, 64);
    }

    [Fact]
    public void Constants_WithNativeNames_HaveTheHeadersValues()
    {
        Type[] types =
        [
            typeof(Errno), typeof(Fcntl), typeof(Poll), typeof(Sched), typeof(Signal), typeof(SysStat), typeof(SysMount), typeof(SysMman),
        ];
        List<(string, long)> facts = [];
        foreach (var type in types)
        {
            foreach (var field in type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(static field => field.IsLiteral))
            {
                facts.Add((field.Name, Convert.ToInt64(field.GetRawConstantValue())));
            }
        }
        facts.Add(("O_DIRECTORY", Fcntl.O_DIRECTORY));
        facts.Add(("O_NOFOLLOW", Fcntl.O_NOFOLLOW));
        facts.Add(("CLOSE_RANGE_CLOEXEC", Unistd.CLOSE_RANGE_CLOEXEC));
        facts.Add(("KEYCTL_JOIN_SESSION_KEYRING", Keyctl.KEYCTL_JOIN_SESSION_KEYRING));
        facts.Add(("KEYCTL_SETPERM", Keyctl.KEYCTL_SETPERM));
        facts.Add(("SYS_keyctl", Syscall.Keyctl));
        facts.Add(("SYS_getcwd", Syscall.Getcwd));
        facts.Add(("SYS_clone", Syscall.Clone));
        facts.Add(("SYS_pivot_root", Syscall.Pivot_root));
        facts.Add(("SYS_capset", Syscall.Capset));
        facts.Add(("SYS_capget", Syscall.Capget));
        facts.Add(("SYS_setresuid", Syscall.Setresuid));
        facts.Add(("SYS_setresgid", Syscall.Setresgid));
        facts.Add(("SYS_setgroups", Syscall.Setgroups));
        facts.Add(("SYS_seccomp", Syscall.Seccomp));
        facts.Add(("SYS_openat2", Syscall.Openat2));
        facts.Add(("SYS_sched_setattr", Syscall.Sched_setattr));
        facts.Add(("SYS_ioprio_set", Syscall.Ioprio_set));
        facts.Add(("SYS_set_mempolicy", Syscall.Set_mempolicy));
        facts.Add(("offsetof(struct termios, c_oflag)", 4));
        facts.Add(("OPOST", 1));
        facts.Add(("ONLCR", 4));
        facts.Add(("SYS_mount_setattr", Syscall.Mount_setattr));
        facts.Add(("SYS_move_mount", Syscall.Move_mount));
        facts.Add(("SYS_open_tree", Syscall.Open_tree));
        facts.Add(("SYS_fsopen", Syscall.Fsopen));
        facts.Add(("SYS_fsconfig", Syscall.Fsconfig));
        facts.Add(("SYS_fsmount", Syscall.Fsmount));
        facts.Add(("SYS_pidfd_open", Syscall.Pidfd_open));
        facts.Add(("SYS_pidfd_send_signal", Syscall.Pidfd_send_signal));
        facts.Add(("SYS_close_range", Syscall.Close_range));
        Assert.True(facts.Count > 100);
        Verify([.. facts]);
    }

    [Fact]
    public void CapabilitiesAndLimits_Numbers_AreThoseOfTheHeaders()
    {
        var facts = LinuxCapability.All.Select(static (name, number) => (name, (long)number))
            .Concat(new[] { "RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_CORE", "RLIMIT_RTTIME", "RLIMIT_NICE", "RLIMIT_AS" }
                .Select(static name => (name, (long)SysResource.Number(name))))
            .Concat(new[] { "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE" }
                .Select(static name => (name, (long)SchedPolicy.Policy(name))))
            .Concat(new[] { "RESET_ON_FORK", "RECLAIM", "DL_OVERRUN", "KEEP_POLICY", "KEEP_PARAMS", "UTIL_CLAMP_MIN", "UTIL_CLAMP_MAX" }
                .Select(static name => ("SCHED_FLAG_" + name, (long)SchedPolicy.Flag("SCHED_FLAG_" + name))))
            .Concat(new[] { "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE" }
                .Select(static name => (name, (long)SchedPolicy.IoClass(name))))
            .Concat(SchedPolicy.MemoryModeNames.Where(static name => name != "MPOL_WEIGHTED_INTERLEAVE")
                .Select(static name => (name, (long)SchedPolicy.MemoryMode(name))))
            .Concat(SchedPolicy.MemoryFlagNames.Select(static name => (name, (long)SchedPolicy.MemoryFlag(name))))
            .Append(("PER_LINUX32", SchedPolicy.Personality("LINUX32")))
            .Concat(new[] { "HUP", "KILL", "USR1", "SEGV", "TERM", "STKFLT", "STOP", "WINCH", "SYS" }
                .Select(static name => ("SIG" + name, (long)Signal.Parse(name))));
        Verify([.. facts]);
    }

    private static void Verify((string C, long Ours)[] facts)
    {
        var values = Evaluate([.. facts.Select(static fact => fact.C)]);
        var wrong = facts.Zip(values).Where(static pair => pair.First.Ours != pair.Second)
            .Select(static pair => $"{pair.First.C}: C has {pair.Second}, we have {pair.First.Ours}");
        Assert.Equal([], wrong);
    }

    /// <summary>Compiles and runs a program that prints the expressions.</summary>
    private static long[] Evaluate(string[] expressions)
    {
        var directory = Directory.CreateTempSubdirectory("gantry-abi-").FullName;
        try
        {
            var source = new StringBuilder(Headers).Append("int main(void) {\n");
            foreach (var expression in expressions)
            {
                source.Append($"printf(\"%lld\\n\", (long long)({expression}));\n");
            }
            File.WriteAllText($"{directory}/abi.c", source.Append("return 0; }\n").ToString());
            Run("gcc", ["-o", $"{directory}/abi", $"{directory}/abi.c"]);
            return [.. Run($"{directory}/abi", []).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.Result);
        return output;
    }
}
