using Gantry.Faults;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Client.Reconciling;

/// <summary>
/// Workers that take keys from a <see cref="WorkQueue"/> and call one function for each. A function that throws is retried
/// with back-off; a conflict or a missing object, which only mean that the cache was behind, are retried without a log line.
/// </summary>
public sealed partial class ReconcileLoop(string name, Func<string, CancellationToken, Task> reconcile, ILogger logger, TimeProvider? time = null)
    : IDisposable
{
    /// <summary>The keys that wait.</summary>
    public WorkQueue Queue { get; } = new(time ?? TimeProvider.System);

    /// <summary>Works until cancelled.</summary>
    public Task RunAsync(int workers, CancellationToken cancellationToken) =>
        Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(() => WorkAsync(cancellationToken), CancellationToken.None)));

    /// <inheritdoc/>
    public void Dispose() => Queue.Dispose();

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            string key;
            try
            {
                key = await Queue.TakeAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            try
            {
                await reconcile(key, cancellationToken).ConfigureAwait(false);
                Queue.Forget(key);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // Whoever runs the loop again finishes it.
                Queue.Add(key);
                return;
            }
            catch (Exception failure)
            {
                if (failure is not FaultException { Kind: FaultKind.Conflict or FaultKind.NotFound or FaultKind.AlreadyExists })
                {
                    LogFailed(logger, name, key, failure);
                }

                Queue.AddRateLimited(key);
            }
            finally
            {
                Queue.Done(key);
            }
        }
    }

    [LoggerMessage(4010, LogLevel.Warning, "Controller {Name} failed on {Key} and tries again")]
    private static partial void LogFailed(ILogger logger, string name, string key, Exception failure);
}
