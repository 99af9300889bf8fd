using Gantry.Linux;

namespace Gantry.Runtime.Monitor;

/// <summary>One descriptor of the monitor's loop.</summary>
internal abstract class PollSource : IDisposable
{
    public abstract int Descriptor { get; }

    /// <summary>What to wait for; 0 leaves the descriptor out of the poll altogether, hang-ups too.</summary>
    public abstract short Events { get; }

    /// <summary>Set by <see cref="Dispose"/>; the loop then forgets the source.</summary>
    public bool IsClosed { get; private set; }

    public abstract void OnReady(short ready);

    public void Dispose()
    {
        if (!IsClosed)
        {
            IsClosed = true;
            Close();
        }
    }

    protected abstract void Close();
}
