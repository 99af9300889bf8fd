using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Monitor;

/// <summary>
/// Sealed copies of gantry-runtime in memory, one for all monitors: no process in a container can write to the program that
/// put it there (CVE-2019-5736), the monitors share its pages, and replacing the file on disk disturbs none.
/// </summary>
internal static class SealedCopies
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, (DateTime Written, FileDescriptor Copy)> Copies = [];

    /// <summary>A path that executes the copy; it is made anew when the file has changed.</summary>
    public static string PathOf(string program)
    {
        lock (Gate)
        {
            var written = File.GetLastWriteTimeUtc(program);
            if (!Copies.TryGetValue(program, out var entry) || entry.Written != written)
            {
                // The former copy stays open: another thread may be about to execute it. A changed file is rare.
                entry = (written, SysMman.CopyExecutable(program, "gantry-runtime"));
                Copies[program] = entry;
            }
            return $"/proc/self/fd/{entry.Copy.Number}";
        }
    }
}
