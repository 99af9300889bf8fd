using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Controllers.EventExpiry;

/// <summary>Deletes events an hour after they last happened (kube-apiserver's --event-ttl).</summary>
public sealed partial class EventExpiryController(IKubeClient client, ILogger<EventExpiryController> logger, TimeProvider? time = null) : IController
{
    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_period = TimeSpan.FromMinutes(5);
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(s_period, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await ExpireAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (FaultException failure)
            {
                LogFailed(logger, failure);
            }
        }
    }

    private async Task ExpireAsync(CancellationToken cancellationToken)
    {
        var oldest = _time.GetUtcNow() - s_lifetime;
        string? next = null;
        do
        {
            var page = await client.ListAsync<Event>(null, new KubeListOptions(Limit: 500, Continue: next), cancellationToken).ConfigureAwait(false);
            foreach (var item in page.Items.Where(item => (item.Series?.LastObservedTime ?? item.LastTimestamp ?? item.EventTime ?? item.Metadata.CreationTimestamp) < oldest))
            {
                await client.DeleteAsync<Event>(item.Metadata.Namespace, item.Metadata.Name!, new KubeDeleteOptions(PreconditionUid: item.Metadata.Uid), cancellationToken).ConfigureAwait(false);
            }

            next = page.Continue;
        }
        while (!string.IsNullOrEmpty(next));
    }

    [LoggerMessage(5001, LogLevel.Warning, "Expired events could not be deleted and will be tried again")]
    private static partial void LogFailed(ILogger logger, Exception failure);
}
