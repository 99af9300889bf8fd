using Gantry.Faults;

namespace Gantry.Build;

/// <summary>A command of the Dockerfile exited with another code than zero.</summary>
public sealed class RunFailedException : FaultException
{
    /// <summary>Makes it, in the classic builder's words.</summary>
    public RunFailedException(string command, int exitCode)
        : base(FaultKind.InvalidArgument, $"The command '{command}' returned a non-zero code: {exitCode}") => ExitCode = exitCode;

    /// <summary>The exit code, for <c>errorDetail.code</c>.</summary>
    public int ExitCode { get; }
}
