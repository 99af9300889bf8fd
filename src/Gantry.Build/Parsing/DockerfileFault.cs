using Gantry.Faults;

namespace Gantry.Build.Parsing;

internal static class DockerfileFault
{
    public static FaultException At(int line, string message) =>
        new(FaultKind.InvalidArgument, $"dockerfile parse error on line {line}: {message}");
}
