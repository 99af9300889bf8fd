namespace Gantry.Linux.Seccomp;

/// <summary>
/// Makes a filter smaller. libseccomp compares a call's number with each one that is named, for each architecture anew; here
/// neighbours with the same rule become one range. The kernel translates a filter to machine code at each load, which takes it a
/// time for each instruction.
/// </summary>
internal static class CompactFilter
{
    /// <summary>A program that decides as this one does about everything; this one itself when it cannot be made smaller.</summary>
    public static byte[] From(byte[] program)
    {
        if (new FilterReader(FilterInstruction.Parse(program)).Read() is not { } decisions)
        {
            return program;
        }
        var writer = new FilterWriter();
        writer.Write(decisions);
        var result = writer.ToArray();
        return result.Length < program.Length ? result : program;
    }
}
