namespace Gantry.Runtime.Monitor;

internal static class MonitorCommand
{
    public static int Run(ReadOnlySpan<string> args) => 1;

    public static int CleanUp(ReadOnlySpan<string> args) => 1;
}
