using System.Globalization;
using Gantry.Faults;

namespace Gantry.Engine.Containers;

/// <summary>Signals by name or number (signal(7); the numbers of x86 and arm).</summary>
internal static class SignalName
{
    private static readonly string[] s_names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD",
        "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// <summary>Reads SIGTERM, TERM, 15, SIGRTMIN+3; anything else is <c>InvalidArgument</c>.</summary>
    internal static int Parse(string text)
    {
        string name = text.ToUpperInvariant();
        name = name.StartsWith("SIG", StringComparison.Ordinal) ? name[3..] : name;
        if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is > 0 and <= 64)
        {
            return number;
        }

        // glibc keeps 32 and 33 for itself.
        if (name.StartsWith("RTMIN", StringComparison.Ordinal))
        {
            return name.Length == 5 ? 34 : int.TryParse(name[5..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int offset) && offset is >= 0 and <= 30 ? 34 + offset : throw Invalid(text);
        }

        int index = Array.IndexOf(s_names, name);
        return index > 0 ? index : throw Invalid(text);
    }

    private static FaultException Invalid(string text) => new(FaultKind.InvalidArgument, "invalid signal: " + text);
}
