using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>What `start` says of a program that cannot be executed.</summary>
public sealed class StartTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Theory]
    [InlineData("not a program", true, 1, "exec \"/bin/program\": exec format error (ENOEXEC)", "")]
    // What begins as a program is only found out by the kernel, after the answer: the container's standard error has the reason.
    [InlineData("#!/no/such/interpreter\n", true, 0, "", "exec: \"/bin/program\": no such file or directory")]
    [InlineData("\u007fELF of no kind", true, 0, "", "exec \"/bin/program\": exec format error (ENOEXEC)")]
    // Where the first process has more to do at the start than to execute the program.
    [InlineData("not a program", false, 1, "exec \"/bin/program\": exec format error (ENOEXEC)", "")]
    [InlineData("\u007fELF of no kind", false, 0, "", "exec \"/bin/program\": exec format error (ENOEXEC)")]
    public async Task Start_ProgramCannotBeExecuted_SaysWhy(
        string content, bool noNewPrivileges, int expectedCode, string error, string output)
    {
        var bundle = fixture.NewBundle("", spec =>
        {
            spec.Process!.Args = ["/bin/program"];
            spec.Process.NoNewPrivileges = noNewPrivileges;
        });
        await File.WriteAllTextAsync($"{bundle.Rootfs}/bin/program", content);
        File.SetUnixFileMode($"{bundle.Rootfs}/bin/program", (UnixFileMode)0x1ED);
        var create = await fixture.RunShellAsync(
            $"exec {fixture.RuntimePath} --root {fixture.Root} create -b {bundle.Path} {bundle.Id} </dev/null >{bundle.Path}/out 2>&1");
        Assert.Equal(0, create.ExitCode);
        var (code, _, said) = await fixture.RunAsync("start", bundle.Id);
        Assert.Equal(expectedCode, code);
        Assert.Contains(error, said);
        await bundle.WaitForOutputAsync(output);
        var limit = TestBundle.Timeout();
        while (!(await fixture.RunAsync("state", bundle.Id)).Output.Contains("\"stopped\"", StringComparison.Ordinal))
        {
            Assert.False(limit.IsCancellationRequested, "the container did not end");
        }
        Assert.Equal(0, (await fixture.RunAsync("delete", bundle.Id)).ExitCode);
    }

    /// <summary>What a container's first process has to do before execve(2) it has done when it is created.</summary>
    [Fact]
    public async Task Start_FirstProcessIsStopped_DoesNotWaitForIt()
    {
        var bundle = fixture.NewBundle("echo it runs");
        var create = await fixture.RunShellAsync(
            $"exec {fixture.RuntimePath} --root {fixture.Root} create --pid-file {bundle.Path}/pid -b {bundle.Path} {bundle.Id} "
            + $"</dev/null >{bundle.Path}/out 2>&1");
        Assert.Equal(0, create.ExitCode);
        var pid = await bundle.PidAsync();
        Assert.Equal(0, (await fixture.RunShellAsync($"kill -STOP {pid}")).ExitCode);
        Assert.Equal((0, "", ""), await fixture.RunAsync("start", bundle.Id));
        Assert.Contains("\"running\"", (await fixture.RunAsync("state", bundle.Id)).Output);
        Assert.Empty(await bundle.OutputAsync());
        Assert.Equal(1, (await fixture.RunAsync("start", bundle.Id)).ExitCode);
        Assert.Equal(0, (await fixture.RunShellAsync($"kill -CONT {pid}")).ExitCode);
        await bundle.WaitForOutputAsync("it runs");
    }

    /// <summary>A filter that lets nothing through but what executing and ending take does not get in the runtime's own way.</summary>
    [Fact]
    public async Task Run_FilterForbidsNearlyEverything_ProgramIsExecuted()
    {
        var bundle = fixture.NewBundle("", static spec =>
        {
            spec.Process!.Args = ["/bin/least"];
            spec.Linux!.Seccomp = new SeccompSpec
            {
                DefaultAction = "SCMP_ACT_KILL_PROCESS",
                Syscalls = [new SeccompSyscallSpec { Names = ["execve", "write", "exit_group"], Action = "SCMP_ACT_ALLOW" }],
            };
        });
        Attacks.AttackProgram.Install(bundle, "least", """
            void _start(void)
            {
                __asm__ volatile ("syscall" :: "a"(1), "D"(1), "S"("ran\n"), "d"(4) : "rcx", "r11", "memory");
                __asm__ volatile ("syscall" :: "a"(231), "D"(7) : "rcx", "r11", "memory");
            }
            """, "-nostdlib");
        Assert.Equal((7, "ran\n", ""), await bundle.RunAsync());
    }
}
