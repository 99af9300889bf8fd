using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Controllers.Tests;

/// <summary>Makes every pod running and ready, and lets pods that are being deleted go.</summary>
internal static class FakeKubelet
{
    public static async Task RunAsync(IKubeClient client, CancellationToken cancellationToken)
    {
        var addresses = 1;
        while (!cancellationToken.IsCancellationRequested)
        {
            foreach (var pod in (await client.ListAsync<Pod>(null, null, cancellationToken)).Items)
            {
                try
                {
                    if (pod.Metadata.DeletionTimestamp is not null)
                    {
                        await client.DeleteAsync<Pod>(pod.Metadata.Namespace, pod.Metadata.Name!, new KubeDeleteOptions(GracePeriodSeconds: 0), cancellationToken);
                    }
                    else if (!pod.IsReady())
                    {
                        pod.Status = new()
                        {
                            Phase = "Running",
                            PodIP = $"10.9.{addresses / 250}.{(addresses++ % 250) + 1}",
                            Conditions = [new() { Type = "Ready", Status = "True", LastTransitionTime = DateTimeOffset.UtcNow }],
                        };
                        await client.UpdateStatusAsync(pod, cancellationToken);
                    }
                }
                catch (FaultException fault) when (fault.Kind is FaultKind.NotFound or FaultKind.Conflict)
                {
                    // Changed in between; the next look sees how.
                }
            }

            await Task.Delay(10, cancellationToken);
        }
    }
}
