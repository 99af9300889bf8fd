namespace Gantry.Kube.Controllers;

/// <summary>
/// A control loop. Its constructor asks the informer set for what it reads and subscribes; <see cref="RunAsync"/> is called
/// once the informers have synced, and works until cancelled.
/// </summary>
public interface IController
{
    /// <summary>Works until cancelled.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}
