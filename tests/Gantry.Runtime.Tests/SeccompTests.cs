using System.Text.Json.Nodes;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>System call filters: actions, conditions, flags, and agents that are asked.</summary>
public sealed class SeccompTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Theory]
    [InlineData("SCMP_ACT_ERRNO", 28, "No space left on device")]
    [InlineData("SCMP_ACT_ERRNO", null, "Operation not permitted")]
    [InlineData("SCMP_ACT_TRACE", null, "Function not implemented")]
    [InlineData("SCMP_ACT_KILL", null, "code 159")]
    [InlineData("SCMP_ACT_KILL_THREAD", null, "code 159")]
    [InlineData("SCMP_ACT_KILL_PROCESS", null, "code 159")]
    [InlineData("SCMP_ACT_TRAP", null, "code 159")]
    [InlineData("SCMP_ACT_LOG", null, "code 0")]
    [InlineData("SCMP_ACT_ALLOW", null, "code 0")]
    public async Task Run_Action_HappensToTheCall(string action, int? errno, string expected)
    {
        foreach (var noNewPrivileges in (bool[])[true, false])
        {
            var bundle = NewBundle("mkdir /tmp/x 2>&1; echo code $?", [new SeccompSyscallSpec { Names = ["mkdir", "mkdirat"], Action = action, ErrnoRet = (uint?)errno }]);
            bundle.Change(spec => spec.Process!.NoNewPrivileges = noNewPrivileges);
            var (_, output, error) = await bundle.RunAsync();
            Assert.True(output.Contains(expected, StringComparison.Ordinal), output + error);
        }
    }

    [Theory]
    [InlineData("SCMP_ARCH_X86_64")]
    [InlineData("SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32")]
    public async Task Run_CallNewerThanTheFilter_IsUnknownAndNotForbidden(string architectures)
    {
        // Numbers: above the newest that the profile names (faccessat2, 439), below it but not named,.
        var bundle = fixture.NewBundle("", spec =>
        {
            spec.Process!.Args = ["/bin/calls"];
            spec.Linux!.Seccomp = new SeccompSpec
            {
                DefaultAction = "SCMP_ACT_ERRNO",
                DefaultErrnoRet = 13,
                Architectures = [.. architectures.Split(' ')],
                Syscalls =
                [
                    new SeccompSyscallSpec { Names = ["write", "exit_group", "exit", "execve", "brk", "arch_prctl", "mmap", "mprotect", "fstat", "newfstatat", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "readlinkat", "getrandom", "readlink", "munmap", "capset", "faccessat2"], Action = "SCMP_ACT_ALLOW" },
                ],
            };
        });
        Attacks.AttackProgram.Install(bundle, "calls", """
            #include <sys/syscall.h>
            int main(void) {
                long numbers[] = { 439, 440, 500, 0x3fffffff, SYS_mkdir, 438 };
                for (int i = 0; i < 6; i++) printf("%ld ", syscall(numbers[i], 0, 0, 0, 0) < 0 ? (long)errno : 0L);
                printf("\n");
                return 0;
            }
            """);
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, $"{code} {error}");
        Assert.EndsWith(" 38 38 38 13 13 \n", output);
        Assert.DoesNotContain("38 38 38 38", output);
    }

    [Fact]
    public async Task Run_OnlyWhatTheProgramNeeds_IsEnough()
    {
        // No call that a runtime makes for itself: what is left to do after the filter is a change of capabilities and execve.
        foreach (var noNewPrivileges in (bool[])[true, false])
        {
            var bundle = fixture.NewBundle("", spec =>
            {
                spec.Process!.Args = ["echo", "made it"];
                spec.Process.User.Uid = 5;
                spec.Process.NoNewPrivileges = noNewPrivileges;
                spec.Linux!.Seccomp = new SeccompSpec
                {
                    DefaultAction = "SCMP_ACT_ERRNO",
                    DefaultErrnoRet = 13,
                    Architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
                    Syscalls =
                    [
                        new SeccompSyscallSpec
                        {
                            Names = ["execve", "capset", "write", "exit_group", "brk", "arch_prctl", "mmap", "mprotect", "newer_than_the_library"],
                            Action = "SCMP_ACT_ALLOW",
                        },
                    ],
                };
            });
            File.CreateSymbolicLink($"{bundle.Rootfs}/bin/echo", "busybox");
            var (code, output, error) = await bundle.RunAsync();
            Assert.True((code, output) == (0, "made it\n"), $"{code} {output}{error}");
        }
    }

    [Theory]
    [InlineData("SCMP_CMP_EQ", 0x1C0UL, 0UL, "700", true)]
    [InlineData("SCMP_CMP_EQ", 0x1C0UL, 0UL, "755", false)]
    [InlineData("SCMP_CMP_NE", 0x1C0UL, 0UL, "755", true)]
    [InlineData("SCMP_CMP_GT", 0x1C0UL, 0UL, "755", true)]
    [InlineData("SCMP_CMP_GT", 0x1C0UL, 0UL, "700", false)]
    [InlineData("SCMP_CMP_GE", 0x1C0UL, 0UL, "700", true)]
    [InlineData("SCMP_CMP_LT", 0x1C0UL, 0UL, "500", true)]
    [InlineData("SCMP_CMP_LE", 0x1C0UL, 0UL, "755", false)]
    [InlineData("SCMP_CMP_MASKED_EQ", 0x7UL, 0x5UL, "705", true)]
    [InlineData("SCMP_CMP_MASKED_EQ", 0x7UL, 0x5UL, "701", false)]
    public async Task Run_Condition_DecidesByTheArgument(string operation, ulong value, ulong second, string mode, bool refused)
    {
        var bundle = NewBundle(
            $"touch /tmp/f; chmod {mode} /tmp/f 2>&1 && echo done",
            [
                new SeccompSyscallSpec { Names = ["chmod"], Action = "SCMP_ACT_ERRNO", Args = [new SeccompArgSpec { Index = 1, Value = value, ValueTwo = second, Op = operation }] },
            ]);
        var (_, output, error) = await bundle.RunAsync();
        Assert.True(output.Contains("done", StringComparison.Ordinal) != refused, output + error);
    }

    [Fact]
    public async Task Run_EveryFlag_IsTaken()
    {
        var bundle = NewBundle("grep Seccomp: /proc/self/status", []);
        bundle.Change(static spec => spec.Linux!.Seccomp!.Flags =
            ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]);
        bundle.Change(static spec => spec.Linux!.Seccomp!.Syscalls = [new SeccompSyscallSpec { Names = ["reboot"], Action = "SCMP_ACT_ERRNO" }]);
        var (_, output, error) = await bundle.RunAsync();
        Assert.True(output == "Seccomp:\t2\n", output + error);
    }

    [Theory]
    [InlineData(true, "mkdir")]
    [InlineData(false, "mkdir")]
    [InlineData(false, "sendmsg")]
    public async Task Run_NotifiedCall_ReachesTheAgent(bool noNewPrivileges, string alsoNotified)
    {
        var path = $"{fixture.Directory}/agent-{Guid.NewGuid():N}.sock";
        using var listener = SysSocket.Listen(path, 1);
        var bundle = NewBundle(
            "mkdir /tmp/x 2>&1; echo after",
            [new SeccompSyscallSpec { Names = ["mkdir", "mkdirat", alsoNotified], Action = "SCMP_ACT_NOTIFY" }]);
        bundle.Change(spec =>
        {
            spec.Process!.NoNewPrivileges = noNewPrivileges;
            spec.Linux!.Seccomp!.ListenerPath = path;
            spec.Linux.Seccomp.ListenerMetadata = "for the agent";
            spec.Linux.Seccomp.Flags = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];
            spec.Annotations = new() { ["k"] = "v" };
        });
        var run = bundle.RunAsync();
        var (message, descriptor) = await ReceiveAsync(listener);
        Assert.Equal("anon_inode:seccomp notify", new FileInfo($"/proc/self/fd/{descriptor.Number}").LinkTarget);
        Assert.Equal("seccompFd", (string?)message["fds"]![0]);
        Assert.Equal("for the agent", (string?)message["metadata"]);
        Assert.Equal(bundle.Id, (string?)message["state"]!["id"]);
        Assert.Equal("v", (string?)message["state"]!["annotations"]!["k"]);
        Assert.Equal((int?)message["pid"], (int?)message["state"]!["pid"]);
        Assert.Contains(bundle.Id, await File.ReadAllTextAsync($"/proc/{message["pid"]}/cgroup"));
        // An agent that goes away: the kernel answers that there is no such call.
        descriptor.Dispose();
        var (_, output, error) = await run;
        Assert.True(output.Contains("Function not implemented", StringComparison.Ordinal) && output.EndsWith("after\n", StringComparison.Ordinal), output + error);
    }

    [Fact]
    public async Task Exec_NotifiedCall_ReachesTheAgentAsWell()
    {
        var path = $"{fixture.Directory}/agent-{Guid.NewGuid():N}.sock";
        using var listener = SysSocket.Listen(path, 2);
        var bundle = NewBundle("sleep 1000", [new SeccompSyscallSpec { Names = ["mkdir", "mkdirat"], Action = "SCMP_ACT_NOTIFY" }]);
        bundle.Change(spec => spec.Linux!.Seccomp!.ListenerPath = path);
        var start = bundle.StartAsync();
        var (first, descriptor) = await ReceiveAsync(listener);
        descriptor.Dispose();
        await start;
        var exec = fixture.RunAsync("exec", bundle.Id, "sh", "-c", "mkdir /tmp/x 2>&1");
        (var second, descriptor) = await ReceiveAsync(listener);
        descriptor.Dispose();
        Assert.Contains("Function not implemented", (await exec).Output);
        Assert.NotEqual((int)first["pid"]!, (int)second["pid"]!);
        Assert.Equal((int)first["pid"]!, (int)second["state"]!["pid"]!);
        Assert.Equal("running", (string?)second["state"]!["status"]);
    }

    [Fact]
    public async Task Create_NoAgent_SaysSoAndLeavesNothing()
    {
        var bundle = NewBundle("true", [new SeccompSyscallSpec { Names = ["mkdir"], Action = "SCMP_ACT_NOTIFY" }]);
        bundle.Change(spec => spec.Linux!.Seccomp!.ListenerPath = $"{fixture.Directory}/nobody.sock");
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("linux.seccomp.listenerPath: connect", error);
        Assert.Contains("an agent must listen there", error);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
    }

    private TestBundle NewBundle(string command, List<SeccompSyscallSpec> rules) => fixture.NewBundle(command, spec =>
        spec.Linux!.Seccomp = new SeccompSpec { DefaultAction = "SCMP_ACT_ALLOW", Syscalls = rules });

    private static async Task<(JsonNode Message, FileDescriptor Descriptor)> ReceiveAsync(FileDescriptor listener)
    {
        var limit = TestBundle.Timeout();
        FileDescriptor? connection;
        while ((connection = SysSocket.Accept(listener.Number)) is null)
        {
            await Task.Delay(5, limit);
        }
        using (connection)
        {
            while (Poll.Wait([new PollDescriptor(connection.Number, Poll.POLLIN)], 0) == 0)
            {
                await Task.Delay(5, limit);
            }
            var buffer = new byte[16 * 1024];
            var length = SysSocket.ReceiveMessage(connection.Number, buffer, out var descriptor);
            return (JsonNode.Parse(buffer.AsSpan(0, length))!, descriptor!);
        }
    }
}
