using System.Runtime;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Launch;

/// <summary>
/// What the C library calls instead of the .NET runtime's main (the linker's --wrap): most of a start of this program is the .NET
/// runtime's, and one that only executes the program anew, sealed, need not pay for it. There is no .NET runtime yet in here:
/// nothing may be allocated or thrown, and no class may need a static constructor (docs/adr/0011).
/// </summary>
internal static unsafe class EarlyStart
{
    [RuntimeExport("__wrap_main")]
    private static int Begin(int count, byte** arguments, byte** environment)
    {
        if (NamesSealedCommand(arguments))
        {
            RawExecution.ReplaceByReadOnlyMount(arguments, environment);
        }
        return RawExecution.RunRuntime(count, arguments, environment);
    }

    /// <summary>
    /// Whether one of the arguments is the name of a command that <see cref="SealedProgram"/> is for. Another command with such an
    /// operand is sealed needlessly, and what is missed here or does not succeed is left to that class.
    /// </summary>
    private static bool NamesSealedCommand(byte** arguments)
    {
        for (; *arguments is not null; arguments++)
        {
            if (Is(*arguments, "exec\0"u8) || Is(*arguments, "create\0"u8) || Is(*arguments, "run\0"u8)
                || Is(*arguments, "monitor\0"u8) || Is(*arguments, "restore\0"u8))
            {
                return true;
            }
        }
        return false;
    }

    private static bool Is(byte* argument, ReadOnlySpan<byte> name)
    {
        for (var i = 0; i < name.Length; i++)
        {
            if (argument[i] != name[i])
            {
                return false; // at the latest where the argument ends
            }
        }
        return true;
    }
}
