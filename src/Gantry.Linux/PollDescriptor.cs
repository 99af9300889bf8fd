using System.Runtime.InteropServices;

namespace Gantry.Linux;

/// <summary>struct pollfd (poll(2)). A negative descriptor is skipped.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PollDescriptor
{
    /// <summary>The descriptor.</summary>
    public int Descriptor;

    /// <summary>What to wait for.</summary>
    public short Events;

    /// <summary>What happened.</summary>
    public short Ready;

    /// <summary>Waits for some events of one descriptor.</summary>
    public PollDescriptor(int descriptor, short events)
    {
        Descriptor = descriptor;
        Events = events;
    }
}
