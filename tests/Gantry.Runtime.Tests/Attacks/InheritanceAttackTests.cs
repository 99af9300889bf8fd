namespace Gantry.Runtime.Tests.Attacks;

/// <summary>What a container's process could have from whoever called the runtime: keys, a terminal, a file mode mask.</summary>
public sealed class InheritanceAttackTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    // Looks for a key of the caller's session, and adds one that others would find.
    private const string Keys = """
        int main(int count, char **arguments)
        {
            long key = syscall(SYS_request_key, "user", "caller-secret", 0, 0);
            if (key >= 0) { char text[64] = ""; syscall(SYS_keyctl, 11, key, text, sizeof text); printf("found %s\n", text); }
            key = syscall(SYS_request_key, "user", "own-secret", 0, 0);
            if (key >= 0) puts("found own");
            if (count > 1 && syscall(SYS_add_key, "user", "own-secret", "x", 1, -3) < 0) perror("add_key");
            puts("looked"); fflush(stdout);
            if (count > 1) sleep(1000);
            return 0;
        }
        """;

    // Gives the terminal's other side a command, as if it had been typed: to the caller's shell.
    private const string Typist = """
        int main()
        {
            for (int number = 0; number < 3; number++) {
                ioctl(number, TIOCSCTTY, 1);
                for (const char *c = "echo typed\n"; *c; c++) if (!ioctl(number, TIOCSTI, c)) { puts("typed"); return 0; }
            }
            puts("refused");
            return 0;
        }
        """;

    [Fact]
    public async Task Keyring_OfTheCaller_IsNotTheContainers()
    {
        var bundle = fixture.NewBundle("", static spec => spec.Process!.Args = ["/bin/keys", "stay"]);
        AttackProgram.Install(bundle, "keys", Keys);
        AttackProgram.Install(bundle, "add", """
            int main(int count, char **arguments)
            {
                syscall(SYS_keyctl, 1, "caller");
                if (syscall(SYS_add_key, "user", "caller-secret", "secret", 6, -3) < 0) { perror("add_key"); return 1; }
                execv(arguments[1], arguments + 1);
                return 1;
            }
            """);
        string Call(string arguments) => $"{bundle.Rootfs}/bin/add {fixture.RuntimePath} --root {fixture.Root} {arguments}";

        // The caller finds its own key, or this test would prove nothing.
        Assert.Contains("found secret", (await fixture.RunShellAsync($"{bundle.Rootfs}/bin/add {bundle.Rootfs}/bin/keys")).Output);
        var run = await fixture.RunShellAsync(Call($"run -d -b {bundle.Path} {bundle.Id} >{bundle.Path}/out 2>&1 </dev/null"));
        Assert.Equal(0, run.ExitCode);
        await bundle.WaitForOutputAsync("looked");
        Assert.Equal("looked\n", await bundle.OutputAsync());
        // An exec has the container's keyring: what its first process put there, and nothing of the caller's.
        Assert.Equal("found own\nlooked\n", (await fixture.RunShellAsync(Call($"exec {bundle.Id} /bin/keys"))).Output);
    }

    [Fact]
    public async Task Terminal_OfTheCaller_CannotBeTypedInto()
    {
        var bundle = fixture.NewBundle("", static spec => spec.Process!.Args = ["/bin/type"]);
        AttackProgram.Install(bundle, "type", Typist);
        // script(1) gives the runtime a terminal that is its controlling one, with the container's streams on it.
        var (_, output, _) = await fixture.RunShellAsync(
            $"script -qec '{fixture.RuntimePath} --root {fixture.Root} run -b {bundle.Path} {bundle.Id}' /dev/null </dev/null");
        Assert.Contains("refused", output);
        Assert.DoesNotContain("typed", output);
    }

    [Fact]
    public async Task Mask_OfTheCaller_IsNotTheContainers()
    {
        var bundle = fixture.NewBundle("umask; sleep 1000");
        var run = await fixture.RunShellAsync(
            $"umask 000; {fixture.RuntimePath} --root {fixture.Root} run -d -b {bundle.Path} {bundle.Id} >{bundle.Path}/out 2>&1 </dev/null");
        Assert.Equal(0, run.ExitCode);
        await bundle.WaitForOutputAsync("0022");
        Assert.Equal("0022\n", (await fixture.RunShellAsync($"umask 777; exec {fixture.RuntimePath} --root {fixture.Root} exec {bundle.Id} sh -c umask")).Output);
    }
}
