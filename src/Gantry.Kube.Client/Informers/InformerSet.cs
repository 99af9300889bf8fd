using Gantry.Kube.Model;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Client.Informers;

/// <summary>
/// One shared informer a type, for everybody in the process. Ask for informers while composing, then run the set.
/// </summary>
public sealed class InformerSet(IKubeClient client, ILoggerFactory loggers)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Type, IInformer> _informers = [];
    private bool _running;

    /// <summary>The client that the informers use.</summary>
    public IKubeClient Client => client;

    /// <summary>The informer of all objects of a type, in all namespaces.</summary>
    public Informer<T> For<T>()
        where T : class, IKubeObject<T>, new()
    {
        lock (_gate)
        {
            if (!_informers.TryGetValue(typeof(T), out var informer))
            {
                if (_running)
                {
                    throw new InvalidOperationException($"the informers run already; ask for {typeof(T).Name} while composing");
                }

                _informers[typeof(T)] = informer = new Informer<T>(client, loggers.CreateLogger<Informer<T>>());
            }

            return (Informer<T>)informer;
        }
    }

    /// <summary>Runs all informers until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _running = true;
            return Task.WhenAll(_informers.Values.Select(informer => Task.Run(() => informer.RunAsync(cancellationToken), cancellationToken)));
        }
    }

    /// <summary>Waits until every informer's first list is in its cache.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return Task.WhenAll(_informers.Values.Select(informer => informer.Synced)).WaitAsync(cancellationToken);
        }
    }
}
