namespace Gantry.Engine.Containers;

/// <summary>The exit code that Docker gives a container whose program could not be executed.</summary>
internal static class StartFailure
{
    internal static int ExitCode(string message)
    {
        bool Says(string words) => message.Contains(words, StringComparison.OrdinalIgnoreCase);
        return Says("executable file not found") || Says("no such file or directory") ? 127
            : Says("permission denied") || Says("is a directory") || Says("exec format error") ? 126
            : 128;
    }
}
