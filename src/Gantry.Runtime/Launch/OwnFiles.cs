using System.Globalization;
using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>
/// Files of /proc/self on the host's procfs that a process to be sets itself up with. They are opened first: later the
/// process is not their owner any more (it is not dumpable, or has another user), nor can it reach that procfs.
/// </summary>
internal sealed class OwnFiles : IDisposable
{
    private const string OomScorePath = "self/oom_score_adj";

    private readonly FileDescriptor? _oomScore;
    private readonly FileDescriptor? _label;

    private OwnFiles(ProcFiles? proc, ProcessSpec? process, bool makesTime)
    {
        if (process?.OomScoreAdj is not null)
        {
            _oomScore = proc!.OpenFile(OomScorePath);
        }
        if (SecurityLabel.PathFor(process) is { } path)
        {
            _label = proc!.OpenFile(path);
        }
        if (makesTime)
        {
            TimeOffsets = proc!.OpenFile("self/timens_offsets");
        }
    }

    public FileDescriptor? TimeOffsets { get; }

    /// <summary>The descriptors that are still needed at the start.</summary>
    public int[] Numbers => _label is null ? [] : [_label.Number];

    /// <summary>True when a process has something to set by a file of procfs.</summary>
    public static bool IsNeeded(ProcessSpec? process) =>
        process?.OomScoreAdj is not null || SecurityLabel.PathFor(process) is not null;

    /// <summary>Opens what is needed; <paramref name="proc"/> may be null when nothing is.</summary>
    public static OwnFiles Open(ProcFiles? proc, ProcessSpec? process, bool makesTime) => new(proc, process, makesTime);

    /// <summary>
    /// Sets the OOM score. One below the present one needs CAP_SYS_RESOURCE; without it the score stays, as with rootless
    /// runtimes: only protection from the OOM killer is lost.
    /// </summary>
    public void SetOomScore(ProcessSpec? process)
    {
        if (_oomScore is null || process?.OomScoreAdj is not { } score)
        {
            return;
        }
        try
        {
            Unistd.WriteAll(_oomScore.Number, Encoding.ASCII.GetBytes(score.ToString(CultureInfo.InvariantCulture)), OomScorePath);
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EACCES)
        {
            CommandOutput.Warn($"process.oomScoreAdj {score}: not set, since lowering it takes CAP_SYS_RESOURCE");
        }
    }

    /// <summary>Says what AppArmor profile or SELinux context the next execve gives this process.</summary>
    public void SetLabel(ProcessSpec process)
    {
        if (_label is not null)
        {
            SecurityLabel.Write(_label, process);
        }
    }

    public void Dispose()
    {
        _oomScore?.Dispose();
        _label?.Dispose();
        TimeOffsets?.Dispose();
    }
}
