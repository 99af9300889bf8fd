using System.Collections;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Launch;

/// <summary>
/// Runs this program from a sealed memory file. A process in a container can get at the program that put it there
/// (/proc/self/exe, CVE-2019-5736); what it then can write to is this copy's seals, never the file on the host. A program
/// on a read-only mount needs no copy: the link leads to that mount, and the container has no way to change it.
/// </summary>
internal static class SealedProgram
{
    private const string Name = "gantry-runtime";

    /// <summary>
    /// Executes the sealed copy, once. Signals in <paramref name="blocked"/> are then blocked in every thread, the
    /// finalizer's too, which leaves them to a signalfd.
    /// </summary>
    public static void Ensure(string[] arguments, params ReadOnlySpan<int> blocked)
    {
        var path = Unistd.ReadLink("/proc/self/exe");
        if (path.StartsWith("/memfd:", StringComparison.Ordinal))
        {
            return; // they were blocked before this program was executed
        }
        if (SysStat.IsReadOnlyMount("/proc/self/exe"))
        {
            FinalizerSignals.Block(blocked);
            return;
        }
        using var copy = SysMman.CopyExecutable("/proc/self/exe", Name);
        Signal.Block(blocked);
        List<string> environment = [];
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            environment.Add($"{entry.Key}={entry.Value}");
        }
        var errno = Execution.Replace($"/proc/self/fd/{copy.Number}", [Name, .. arguments], environment);
        throw new LinuxException("execve", path, errno);
    }
}
