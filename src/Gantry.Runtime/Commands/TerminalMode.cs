using Gantry.Linux.Native;

namespace Gantry.Runtime.Commands;

/// <summary>A terminal in raw mode until this is disposed.</summary>
internal sealed class TerminalMode : IDisposable
{
    private readonly int _descriptor;
    private readonly byte[] _former;

    private TerminalMode(int descriptor, byte[] former) => (_descriptor, _former) = (descriptor, former);

    /// <summary>Null when the descriptor is no terminal.</summary>
    public static TerminalMode? TrySetRaw(int descriptor) =>
        Termios.TrySetRaw(descriptor, out var former) ? new TerminalMode(descriptor, former) : null;

    public void Dispose() => Termios.Restore(_descriptor, _former);
}
