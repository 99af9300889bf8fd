namespace Gantry.Kube.Client.Informers;

/// <summary>An informer without its type: something to run and to wait for.</summary>
public interface IInformer
{
    /// <summary>Completes when the first list is in the cache.</summary>
    Task Synced { get; }

    /// <summary>Lists and watches until cancelled.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}
