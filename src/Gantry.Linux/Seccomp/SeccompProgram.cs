using Gantry.Faults;
using Gantry.Linux.Native;
using Lib = Gantry.Linux.Native.Seccomp;

namespace Gantry.Linux.Seccomp;

/// <summary>Compiles system call filters with libseccomp and loads them into the calling thread.</summary>
public static class SeccompProgram
{
    private static readonly string[] Operators =
    [
        "", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
    ];

    /// <summary>
    /// Compiles a filter to a classic BPF program. Throws <see cref="FaultKind.InvalidArgument"/> for an unknown action,
    /// architecture or operator.
    /// </summary>
    public static byte[] Compile(
        string defaultAction, uint? defaultErrorNumber, IReadOnlyList<string> architectures, IReadOnlyList<SeccompRule> rules) =>
        CompactFilter.From(CompileAtLength(defaultAction, defaultErrorNumber, architectures, rules));

    /// <summary>The program as libseccomp makes it.</summary>
    internal static byte[] CompileAtLength(
        string defaultAction, uint? defaultErrorNumber, IReadOnlyList<string> architectures, IReadOnlyList<SeccompRule> rules)
    {
        var fallback = ActionOf(defaultAction, defaultErrorNumber);
        var context = Lib.seccomp_init(fallback);
        if (context == 0)
        {
            throw new FaultException(FaultKind.Internal, "seccomp_init: failed");
        }
        try
        {
            // A binary tree of system call numbers instead of a list: 20 comparisons where the list has 300.
            Lib.seccomp_attr_set(context, Lib.SCMP_FLTATR_CTL_OPTIMIZE, 2);
            foreach (var name in architectures)
            {
                AddArchitecture(context, name);
            }
            foreach (var rule in rules)
            {
                AddRule(context, fallback, rule);
            }
            var program = Export(context);
            return (fallback & 0xffff0000) == Lib.SCMP_ACT_ERRNO && fallback != (Lib.SCMP_ACT_ERRNO | Errno.ENOSYS)
                ? [.. UnknownCalls.Stub(architectures, rules), .. program]
                : program;
        }
        finally
        {
            Lib.seccomp_release(context);
        }
    }

    /// <summary>
    /// seccomp(2): filters the calling thread's system calls from here on. Flags are SECCOMP_FILTER_FLAG_ bits; with
    /// NEW_LISTENER it returns the notify descriptor (close-on-exec).
    /// </summary>
    public static int Load(ReadOnlySpan<byte> program, uint flags) => Lib.SetFilter(program, flags);

    /// <summary>True for the name of an action, as "SCMP_ACT_ALLOW".</summary>
    public static bool IsAction(string name) => TryAction(name, null) is not null;

    /// <summary>True for the name of an operator, as "SCMP_CMP_EQ".</summary>
    public static bool IsOperator(string name) => Array.IndexOf(Operators, name) > 0;

    /// <summary>The library's number of an architecture; but for x32's it is the kernel's own (AUDIT_ARCH_).</summary>
    internal static uint ArchitectureOf(string name)
    {
        // "SCMP_ARCH_X86_64" is "x86_64" to the library.
        var plain = name.StartsWith("SCMP_ARCH_", StringComparison.Ordinal) ? name[10..].ToLowerInvariant() : name;
        return Lib.seccomp_arch_resolve_name(plain) is var architecture and not 0
            ? architecture
            : throw new FaultException(FaultKind.InvalidArgument, $"seccomp: there is no architecture {name}");
    }

    private static void AddArchitecture(nint context, string name)
    {
        var architecture = ArchitectureOf(name);
        // EEXIST: the native architecture is there from the start. EDOM: the other byte order, which cannot run here.
        var code = -Lib.seccomp_arch_add(context, architecture);
        if (code is not (0 or Errno.EEXIST or 33))
        {
            throw new LinuxException("seccomp_arch_add", name, code);
        }
    }

    private static void AddRule(nint context, uint fallback, SeccompRule rule)
    {
        var action = ActionOf(rule.Action, rule.ErrorNumber);
        if (action == fallback)
        {
            return; // the library refuses rules that change nothing
        }
        var conditions = rule.Conditions.Select(Convert).ToArray();
        var alternatives = conditions.DistinctBy(static item => item.Index).Count() != conditions.Length;
        foreach (var name in rule.Syscalls)
        {
            var number = Lib.seccomp_syscall_resolve_name(name);
            if (number == -1)
            {
                continue; // __NR_SCMP_ERROR: newer than the library, so the default action holds for it
            }
            if (!alternatives)
            {
                Add(context, action, number, conditions, name);
                continue;
            }
            foreach (var condition in conditions)
            {
                Add(context, action, number, [condition], name);
            }
        }
    }

    private static void Add(nint context, uint action, int number, ReadOnlySpan<Lib.ArgumentCondition> conditions, string name)
    {
        var code = -Lib.seccomp_rule_add_array(context, action, number, (uint)conditions.Length, conditions);
        // EEXIST and EACCES: the same rule again, or one that the default covers. Neither changes the filter.
        if (code is not (0 or Errno.EEXIST or Errno.EACCES))
        {
            throw new LinuxException("seccomp_rule_add", name, code);
        }
    }

    private static Lib.ArgumentCondition Convert(SeccompCondition condition)
    {
        var operation = Array.IndexOf(Operators, condition.Operator);
        if (operation < 1 || condition.Index > 5)
        {
            throw new FaultException(
                FaultKind.InvalidArgument,
                $"seccomp: condition {condition.Operator} on argument {condition.Index}: unknown operator or argument");
        }
        return new Lib.ArgumentCondition
        {
            Index = condition.Index,
            Operator = operation,
            Value = condition.Value,
            ValueTwo = condition.ValueTwo,
        };
    }

    private static uint ActionOf(string name, uint? value) =>
        TryAction(name, value) ?? throw new FaultException(FaultKind.InvalidArgument, $"seccomp: there is no action \"{name}\"");

    private static uint? TryAction(string name, uint? value) => name switch
    {
        "SCMP_ACT_ALLOW" => Lib.SCMP_ACT_ALLOW,
        "SCMP_ACT_ERRNO" => Lib.SCMP_ACT_ERRNO | ((value ?? Errno.EPERM) & 0xffff),
        "SCMP_ACT_KILL" or "SCMP_ACT_KILL_THREAD" => Lib.SCMP_ACT_KILL_THREAD,
        "SCMP_ACT_KILL_PROCESS" => Lib.SCMP_ACT_KILL_PROCESS,
        "SCMP_ACT_TRAP" => Lib.SCMP_ACT_TRAP,
        "SCMP_ACT_TRACE" => Lib.SCMP_ACT_TRACE | ((value ?? Errno.EPERM) & 0xffff),
        "SCMP_ACT_LOG" => Lib.SCMP_ACT_LOG,
        "SCMP_ACT_NOTIFY" => Lib.SCMP_ACT_NOTIFY,
        _ => null,
    };

    private static byte[] Export(nint context)
    {
        using var file = SysMman.CreateFile("seccomp");
        var code = -Lib.seccomp_export_bpf(context, file.Number);
        if (code != 0)
        {
            throw new LinuxException("seccomp_export_bpf", null, code);
        }
        var program = new byte[SysStat.Status(file.Number).Size];
        using var again = Fcntl.Open($"/proc/self/fd/{file.Number}", Fcntl.O_RDONLY);
        var length = 0;
        while (length < program.Length)
        {
            length += Unistd.Read(again.Number, program.AsSpan(length));
        }
        return program;
    }
}
