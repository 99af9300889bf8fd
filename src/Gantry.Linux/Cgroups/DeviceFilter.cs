using Gantry.Linux.Native;

namespace Gantry.Linux.Cgroups;

/// <summary>
/// Device rules of cgroup v2: a BPF program of type CGROUP_DEVICE, which gets (access and type, major, minor) and returns 1
/// to allow (kernel: Documentation/admin-guide/cgroup-v2.rst, "Device controller").
/// </summary>
internal static class DeviceFilter
{
    private const int Block = 1;
    private const int Character = 2;
    private const int Everything = 7;

    /// <summary>Replaces the group's device program with one for these rules.</summary>
    public static void Attach(string directory, IReadOnlyList<DeviceRule> rules)
    {
        using var group = Fcntl.Open(directory, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
        using var program = LinuxBpf.LoadDeviceProgram(Compile(rules));
        LinuxBpf.ReplaceDeviceProgram(group.Number, program.Number, directory);
    }

    /// <summary>The rules as instructions: the last rule is tested first, and the first that matches decides.</summary>
    internal static ulong[] Compile(IReadOnlyList<DeviceRule> rules)
    {
        // r1 is struct bpf_cgroup_dev_ctx: u32 access_type (access << 16 | type), u32 major, u32 minor.
        List<ulong> code =
        [
            LinuxBpf.LoadWord(2, 1, 0),
            LinuxBpf.Move(3, 2),
            LinuxBpf.AndValue(2, 0xffff),
            LinuxBpf.ShiftRight(3, 16),
            LinuxBpf.LoadWord(4, 1, 4),
            LinuxBpf.LoadWord(5, 1, 8),
        ];
        for (var i = rules.Count - 1; i >= 0; i--)
        {
            AppendRule(code, rules[i]);
            if (rules[i] is { Type: 'a', Major: < 0, Minor: < 0 } && AccessOf(rules[i]) == Everything)
            {
                return [.. code]; // the rules before it are never reached, and the verifier refuses unreachable code
            }
        }
        code.Add(LinuxBpf.MoveValue(0, 0));
        code.Add(LinuxBpf.Exit);
        return [.. code];
    }

    private static int AccessOf(DeviceRule rule) =>
        (rule.Access.Contains('m') ? 1 : 0) | (rule.Access.Contains('r') ? 2 : 0) | (rule.Access.Contains('w') ? 4 : 0);

    private static void AppendRule(List<ulong> code, DeviceRule rule)
    {
        List<Func<short, ulong>> tests = [];
        var access = AccessOf(rule);
        if (rule.Type != 'a')
        {
            tests.Add(skip => LinuxBpf.JumpIfNotEqual(2, rule.Type == 'b' ? Block : Character, skip));
        }
        if (rule.Major >= 0)
        {
            tests.Add(skip => LinuxBpf.JumpIfNotEqual(4, (int)rule.Major, skip));
        }
        if (rule.Minor >= 0)
        {
            tests.Add(skip => LinuxBpf.JumpIfNotEqual(5, (int)rule.Minor, skip));
        }
        if (access != Everything)
        {
            // An allow rule matches when nothing beyond its access is asked for; a deny rule when any of it is.
            code.Add(LinuxBpf.Move(1, 3));
            code.Add(LinuxBpf.AndValue(1, rule.Allow ? ~access & Everything : access));
            tests.Add(skip => rule.Allow ? LinuxBpf.JumpIfNotEqual(1, 0, skip) : LinuxBpf.JumpIfEqual(1, 0, skip));
        }
        // Each failing test skips the tests after it and the two instructions of the verdict.
        for (var i = 0; i < tests.Count; i++)
        {
            code.Add(tests[i]((short)(tests.Count - i - 1 + 2)));
        }
        code.Add(LinuxBpf.MoveValue(0, rule.Allow ? 1 : 0));
        code.Add(LinuxBpf.Exit);
    }
}
