using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>
/// A process's program, found with the rights of the process's user, and this process made ready for it: nothing is left but the
/// filter and execve(2). What can be done before the filter is loaded is done before, since a filter may know only what the
/// program needs.
/// </summary>
internal sealed class PreparedProgram
{
    private readonly ProcessSpec _process;
    private readonly CapabilitySets _capabilities;
    private readonly string _path;
    private readonly ProgramImage _image;

    public PreparedProgram(ProcessSpec process)
    {
        _process = process;
        _capabilities = CapabilitySets.From(process.Capabilities);
        _path = ProcessStart.FindProgram(process);
        _image = new ProgramImage(_path, process.Args, process.Env ?? []);
        Signal.ResetAll();
    }

    /// <summary>True for a file that begins as an ELF program or a script does; others take binfmt_misc, or fail.</summary>
    public bool LooksExecutable()
    {
        // A pipe, which may have the permission too, would block.
        var number = Fcntl.TryOpen(_path, Fcntl.O_RDONLY | Fcntl.O_NONBLOCK | Fcntl.O_NOCTTY);
        if (number < 0)
        {
            return false; // executable, and not readable
        }
        using var file = new FileDescriptor(number);
        Span<byte> start = stackalloc byte[4];
        start = start[..Math.Max(0, Unistd.Read(number, start))];
        return start.StartsWith("\u007fELF"u8) || start.StartsWith("#!"u8);
    }

    /// <summary>Loads the filter and executes the program; returns only by an exception.</summary>
    public void Execute(Action load)
    {
        if (_process.NoNewPrivileges)
        {
            load();
        }
        else
        {
            // Loading a filter without no_new_privs takes CAP_SYS_ADMIN, which the change of user has made ineffective.
            _capabilities.ApplyAll();
            load();
            _capabilities.Apply();
        }
        throw ProcessStart.NotExecutable(_path, _image.Execute());
    }
}
