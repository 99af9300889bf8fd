using System.Diagnostics;
using System.Globalization;

namespace Gantry.Runtime.Tests.Crashes;

/// <summary>
/// Runs a program and kills it after its Nth system call, counted over all of its processes and threads (ptrace(2)): only the
/// process that made the call, or all of them at once, as when the machine's memory is at an end.
/// </summary>
internal static class SystemCallStopper
{
    // Arguments: N, "one" or "all", a file for the number of calls, the program and its arguments. Ends with the program's first
    // process; what is traced then goes on without it.
    private const string Source = """
        #define _GNU_SOURCE
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/ptrace.h>
        #include <sys/wait.h>
        #include <unistd.h>

        static int process_of(int thread)
        {
            char path[64], line[256];
            int process = thread;
            snprintf(path, sizeof path, "/proc/%d/status", thread);
            FILE *status = fopen(path, "r");
            while (status && fgets(line, sizeof line, status)) sscanf(line, "Tgid: %d", &process);
            if (status) fclose(status);
            return process;
        }

        int main(int count, char **arguments)
        {
            long last = atol(arguments[1]), calls = 0;
            int everybody = !strcmp(arguments[2], "all"), known[256], many = 0, fresh[256], born = 0;
            int first = fork();
            if (!first) { ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); execv(arguments[4], arguments + 4); _exit(126); }
            int status, result = 125;
            waitpid(first, &status, 0);
            ptrace(PTRACE_SETOPTIONS, first, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK);
            ptrace(PTRACE_SYSCALL, first, 0, 0);
            for (;;) {
                int thread = waitpid(-1, &status, __WALL);
                if (thread < 0) break;
                if (WIFEXITED(status) || WIFSIGNALED(status)) {
                    for (int i = 0; i < many; i++) if (known[i] == thread) known[i] = known[--many];
                    if (thread != first) continue;
                    result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                    break;
                }
                int seen = 0, signal = WSTOPSIG(status);
                for (int i = 0; i < many; i++) seen |= known[i] == thread;
                if (!seen && many < 256) known[many++] = thread;
                for (int i = 0; i < born; i++) if (fresh[i] == thread) fresh[i] = fresh[--born];
                long child = 0;
                if (signal == SIGTRAP && status >> 16 && !ptrace(PTRACE_GETEVENTMSG, thread, 0, &child)) {
                    for (int i = 0; i < many; i++) if (known[i] == child) child = 0;
                    if (child && born < 256) fresh[born++] = child;
                }
                if (signal == (SIGTRAP | 0x80)) {
                    struct __ptrace_syscall_info info;
                    ptrace(0x420e, thread, sizeof info, &info);
                    if (info.op == 2 && ++calls == last) {
                        if (everybody) for (int i = 0; i < many; i++) kill(known[i], SIGKILL);
                        else kill(process_of(thread), SIGKILL);
                        result = 137;
                        break;
                    }
                    signal = 0;
                }
                else if (signal == SIGTRAP || signal == SIGSTOP) signal = 0;
                ptrace(PTRACE_SYSCALL, thread, 0, signal);
            }
            // A process that has just been made stops for its tracer first; left alone, it would stay stopped.
            for (int i = 0; i < born; i++) {
                if (everybody) kill(fresh[i], SIGKILL);
                if (waitpid(fresh[i], &status, __WALL) > 0 && WIFSTOPPED(status)) ptrace(PTRACE_DETACH, fresh[i], 0, 0);
            }
            FILE *out = fopen(arguments[3], "w");
            fprintf(out, "%ld", calls);
            fclose(out);
            return result;
        }
        """;

    /// <summary>Compiles the program to a path.</summary>
    public static void Install(string path)
    {
        File.WriteAllText(path + ".c", Source);
        using var compiler = Process.Start(new ProcessStartInfo("gcc", ["-O1", "-w", "-o", path, path + ".c"]) { RedirectStandardError = true })!;
        var errors = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        Assert.True(compiler.ExitCode == 0, errors);
    }

    /// <summary>Runs a command of gantry-runtime; returns its exit code, 137 when it was killed, and the number of calls.</summary>
    public static async Task<(int ExitCode, int Calls)> RunAsync(
        RuntimeFixture fixture, string stopper, int last, bool everybody, string command)
    {
        var counter = stopper + ".calls";
        // Not this test's pipes: a container keeps its streams.
        var (code, _, _) = await fixture.RunShellAsync(
            $"exec {stopper} {last} {(everybody ? "all" : "one")} {counter} {fixture.RuntimePath} --root {fixture.Root} {command} "
            + $"</dev/null >{stopper}.out 2>&1");
        return (code, int.Parse(await File.ReadAllTextAsync(counter), CultureInfo.InvariantCulture));
    }
}
