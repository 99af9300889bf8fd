namespace Gantry.Kube.Node.Pods;

/// <summary>
/// Waits until no Service sends new connections to a pod's address any more. The network room sets <see cref="IsServed"/>;
/// without it every pod counts as served until the time is over.
/// </summary>
public sealed class PodEndpointDrain(TimeProvider time)
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(20);

    // Connections that were accepted just before get this long to be answered.
    private static readonly TimeSpan s_settle = TimeSpan.FromMilliseconds(300);

    // The controller and the network are in this process and normally need milliseconds.
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(2);

    /// <summary>Whether a pod address is still in a Service's map.</summary>
    public Func<string, bool> IsServed { get; set; } = static _ => false;

    /// <summary>Returns when the address is out of all maps and its last connections had a moment, or after two seconds.</summary>
    public async Task WaitAsync(string podAddress, bool wasReady, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var served = wasReady;
        while (IsServed(podAddress) && time.GetElapsedTime(started) < s_longest)
        {
            served = true;
            await Task.Delay(s_poll, time, cancellationToken).ConfigureAwait(false);
        }

        if (served)
        {
            await Task.Delay(s_settle, time, cancellationToken).ConfigureAwait(false);
        }
    }
}
