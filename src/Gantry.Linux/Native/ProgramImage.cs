namespace Gantry.Linux.Native;

/// <summary>
/// A program with its arguments and environment in native memory, ready for execve(2), so that executing it allocates nothing:
/// a process that has loaded a system call filter may have no way to get memory.
/// </summary>
public sealed class ProgramImage(string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment) : IDisposable
{
    private readonly NativeStringList _path = new([path]);
    private readonly NativeStringList _arguments = new(arguments);
    private readonly NativeStringList _environment = new(environment);

    /// <summary>Replaces this process's program; returns the errno when that fails.</summary>
    public int Execute() => Execution.Replace(_path, _arguments, _environment);

    /// <inheritdoc/>
    public void Dispose()
    {
        _path.Dispose();
        _arguments.Dispose();
        _environment.Dispose();
    }
}
