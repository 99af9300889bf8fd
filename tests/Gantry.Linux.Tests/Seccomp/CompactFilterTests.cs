using Gantry.Linux.Seccomp;

namespace Gantry.Linux.Tests.Seccomp;

/// <summary>A filter that was made smaller decides about everything as the one that libseccomp made.</summary>
public sealed class CompactFilterTests
{
    private const string Allow = "SCMP_ACT_ALLOW";
    private const string Refuse = "SCMP_ACT_ERRNO";

    private static readonly string[] s_architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];

    private static readonly string[] s_names =
    [
        "read", "write", "open", "close", "stat", "fstat", "lstat", "poll", "lseek", "mmap", "mprotect", "munmap", "brk", "rt_sigaction",
        "rt_sigprocmask", "rt_sigreturn", "ioctl", "pread64", "pwrite64", "readv", "writev", "access", "pipe", "select", "sched_yield",
        "mremap", "msync", "mincore", "madvise", "shmget", "shmat", "shmctl", "dup", "dup2", "pause", "nanosleep", "getitimer", "alarm",
        "setitimer", "getpid", "sendfile", "socket", "connect", "accept", "sendto", "recvfrom", "sendmsg", "recvmsg", "bind", "listen",
        "clone", "fork", "vfork", "execve", "exit", "wait4", "kill", "uname", "fcntl", "flock", "fsync", "ftruncate", "getdents", "getcwd",
        "personality", "prctl", "arch_prctl", "futex", "epoll_wait", "openat", "mkdirat", "clone3", "openat2", "close_range", "statx",
        "landlock_add_rule", "memfd_secret", "socketcall", "waitpid", "_llseek", "mmap2",
    ];

    [Fact]
    public void Compact_AllowList_DecidesAlike() => AssertAlike(Refuse, Profile(Allow), atMost: 0.7);

    [Fact]
    public void Compact_DenyList_DecidesAlike() => AssertAlike(Allow, Profile(Refuse), atMost: 0.7);

    [Fact]
    public void Compact_NoRules_DecidesAlike() => AssertAlike(Allow, [], atMost: 1);

    /// <summary>Rules by chance, from a fixed beginning: which calls, what is done, what is asked of which arguments.</summary>
    [Fact]
    public void Compact_AnyRules_DecidesAlike()
    {
        var random = new Random(20251125);
        for (var round = 0; round < 10; round++)
        {
            var rules = new List<SeccompRule>();
            for (var i = random.Next(1, 60); i > 0; i--)
            {
                var names = Enumerable.Range(0, random.Next(1, 6)).Select(_ => s_names[random.Next(s_names.Length)]);
                var conditions = Enumerable.Range(0, Math.Max(0, random.Next(-3, 4))).Select(_ => Condition(random));
                string[] actions = [Allow, Refuse, "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_LOG", "SCMP_ACT_TRAP"];
                rules.Add(new SeccompRule([.. names.Distinct()], actions[random.Next(actions.Length)], null, [.. conditions]));
            }
            AssertAlike(random.Next(2) == 0 ? Allow : Refuse, rules, atMost: 1);
        }
    }

    [Theory]
    [InlineData(0x80, 0, 0x06, 0)] // BPF_LEN
    [InlineData(0x20, 0, 0x45, 1)] // BPF_JSET of the number's lowest bit
    [InlineData(0x20, 0, 0x54, 1)] // BPF_AND of the number
    public void Compact_InstructionThatItCannotFollow_IsLeftAlone(byte first, byte firstValue, byte second, byte secondValue)
    {
        byte[] program =
        [
            first, 0, 0, 0, firstValue, 0, 0, 0, second, 0, 0, 0, secondValue, 0, 0, 0,
            0x15, 0, 0, 0, 1, 0, 0, 0, 0x15, 0, 0, 0, 1, 0, 0, 0, 0x06, 0, 0, 0, 0, 0, 0xff, 0x7f,
        ];
        Assert.Same(program, CompactFilter.From(program));
    }

    private static SeccompCondition Condition(Random random)
    {
        string[] operators = ["SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"];
        ulong[] values = [0, 1, 8, 0x20000, 0x7e020000, 0xffffffff, 0x100000000, ulong.MaxValue];
        return new SeccompCondition(
            (uint)random.Next(3), operators[random.Next(operators.Length)], values[random.Next(values.Length)], values[random.Next(values.Length)]);
    }

    /// <summary>As engines write it: most calls by name, a few only with certain arguments.</summary>
    private static List<SeccompRule> Profile(string action)
    {
        List<SeccompRule> rules = [new SeccompRule([.. s_names.Except(["personality", "clone", "socket", "clone3"])], action, null, [])];
        foreach (var value in (ulong[])[0, 8, 0x20000, 0x20008, 0xffffffff])
        {
            rules.Add(new SeccompRule(["personality"], action, null, [new SeccompCondition(0, "SCMP_CMP_EQ", value, 0)]));
        }
        rules.Add(new SeccompRule(["clone"], action, null, [new SeccompCondition(0, "SCMP_CMP_MASKED_EQ", 0x7e020000, 0)]));
        for (var family = 0UL; family < 12; family++)
        {
            rules.Add(new SeccompRule(["socket"], action, null, [new SeccompCondition(0, "SCMP_CMP_EQ", family * 2, 0)]));
        }
        return rules;
    }

    private static void AssertAlike(string defaultAction, List<SeccompRule> rules, double atMost)
    {
        var whole = SeccompProgram.CompileAtLength(defaultAction, null, s_architectures, rules);
        var compact = CompactFilter.From(whole);
        Assert.InRange(compact.Length, 1, whole.Length * atMost);
        var (expected, actual) = (FilterInstruction.Parse(whole), FilterInstruction.Parse(compact));
        var random = new Random(1);
        ulong[] values = [0, 1, 2, 8, 9, 0x20000, 0x20008, 0x7e020000, 0x10000000, 0xffffffff, 0x100000000, ulong.MaxValue];
        foreach (var architecture in (uint[])[0xc000003e, 0x40000003, 0xc00000b7, 0, 1, 0x40000002, 0x40000004, 0xc000003f, uint.MaxValue])
        {
            foreach (var call in Calls())
            {
                for (var sample = 0; sample < 6; sample++)
                {
                    var data = new uint[16];
                    (data[0], data[1]) = (call, architecture);
                    for (var i = 0; i < 6; i++)
                    {
                        var value = sample == 0 ? 0 : values[random.Next(values.Length)];
                        (data[4 + (2 * i)], data[5 + (2 * i)]) = ((uint)value, (uint)(value >> 32));
                    }
                    Assert.Equal(Run(expected, data), Run(actual, data));
                }
            }
        }
    }

    private static IEnumerable<uint> Calls()
    {
        for (var i = 0U; i < 600; i++)
        {
            yield return i;
            yield return 0x40000000 + i;
        }
        foreach (var edge in (uint[])[983042, 0x3fffffff, 0x80000000, uint.MaxValue - 10101, uint.MaxValue - 1, uint.MaxValue])
        {
            yield return edge;
        }
    }

    /// <summary>What the kernel does with a program and struct seccomp_data.</summary>
    private static uint Run(FilterInstruction[] program, uint[] data)
    {
        var accumulator = 0U;
        for (var at = 0; ; at++)
        {
            var instruction = program[at];
            switch (instruction.Code)
            {
                case FilterInstruction.Return:
                    return instruction.Value;
                case FilterInstruction.Load:
                    accumulator = data[instruction.Value / 4];
                    break;
                case FilterInstruction.And:
                    accumulator &= instruction.Value;
                    break;
                case FilterInstruction.Jump:
                    at += (int)instruction.Value;
                    break;
                default:
                    Assert.True(instruction.IsTest);
                    at += instruction.Holds(accumulator) ? instruction.WhenTrue : instruction.WhenFalse;
                    break;
            }
        }
    }
}
