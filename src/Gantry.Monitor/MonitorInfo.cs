namespace Gantry.Monitor;

/// <summary>What a monitor says of its container.</summary>
/// <param name="ContainerId">The container's id.</param>
/// <param name="Pid">The container's first process in the host's pid namespace.</param>
/// <param name="MonitorPid">The monitor's process.</param>
/// <param name="Phase">The state at the time of the question.</param>
/// <param name="StateDirectory">The directory that gets exit.json.</param>
public sealed record MonitorInfo(string ContainerId, int Pid, int MonitorPid, MonitorPhase Phase, string StateDirectory);

/// <summary>The life of a monitored container.</summary>
public enum MonitorPhase : byte
{
    /// <summary>Created and not started.</summary>
    Created = 0,

    /// <summary>Started.</summary>
    Running = 1,

    /// <summary>Exited; the monitor is about to end.</summary>
    Stopped = 2,
}
