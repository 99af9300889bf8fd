namespace Gantry.Monitor;

/// <summary>The standard streams, by their descriptor number.</summary>
public enum StdStream : byte
{
    /// <summary>Standard input.</summary>
    Stdin = 0,

    /// <summary>Standard output; all output of a terminal.</summary>
    Stdout = 1,

    /// <summary>Standard error.</summary>
    Stderr = 2,
}
