using System.Runtime.CompilerServices;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Launch;

/// <summary>
/// Blocks signals in both threads of this process. A signal that the finalizer thread does not block would be delivered
/// there, with its default action, instead of to a signalfd. Only that thread itself can block it: so a finalizer does.
/// </summary>
internal sealed class FinalizerSignals
{
    private static int[] s_signals = [];

    private FinalizerSignals()
    {
    }

    ~FinalizerSignals() => Signal.Block(s_signals);

    public static void Block(ReadOnlySpan<int> signals)
    {
        if (signals.Length == 0 || Signal.AreBlocked(signals))
        {
            return; // since before this program was executed, and so in its other thread, too
        }
        Signal.Block(signals);
        s_signals = signals.ToArray();
        Abandon();
        GC.Collect(0);
        GC.WaitForPendingFinalizers();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Abandon() => _ = new FinalizerSignals();
}
