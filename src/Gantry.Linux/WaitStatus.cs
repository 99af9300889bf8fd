namespace Gantry.Linux;

/// <summary>A child's status as waitpid(2) encodes it.</summary>
/// <param name="Raw">The encoded value.</param>
public readonly record struct WaitStatus(int Raw)
{
    /// <summary>The signal that ended the process, or 0.</summary>
    public int Signal => Raw & 0x7f;

    /// <summary>The exit code, or 128 + signal as shells have it.</summary>
    public int ExitCode => Signal == 0 ? (Raw >> 8) & 0xff : 128 + Signal;
}
