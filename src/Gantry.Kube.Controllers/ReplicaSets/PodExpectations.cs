namespace Gantry.Kube.Controllers.ReplicaSets;

/// <summary>
/// Pods that a controller created or deleted and that its cache does not show yet. Without it a reconcile that runs before
/// the watch has caught up would create or delete twice.
/// </summary>
internal sealed class PodExpectations(TimeProvider time)
{
    // After this the event is taken as lost (a relist skipped it); client-go's value.
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Dictionary<string, DateTimeOffset>> _pending = new(StringComparer.Ordinal);

    /// <summary>Expects to see the creation or deletion of a pod.</summary>
    public void Expect(string key, string podUid)
    {
        lock (_gate)
        {
            if (!_pending.TryGetValue(key, out var uids))
            {
                _pending[key] = uids = new(StringComparer.Ordinal);
            }

            uids[podUid] = time.GetUtcNow();
        }
    }

    /// <summary>Notes that the pod's change was seen.</summary>
    public void Observe(string key, string podUid)
    {
        lock (_gate)
        {
            if (_pending.TryGetValue(key, out var uids) && uids.Remove(podUid) && uids.Count == 0)
            {
                _pending.Remove(key);
            }
        }
    }

    /// <summary>Whether everything expected was seen.</summary>
    public bool Satisfied(string key)
    {
        lock (_gate)
        {
            if (!_pending.TryGetValue(key, out var uids))
            {
                return true;
            }

            var oldest = time.GetUtcNow() - s_timeout;
            return uids.Values.All(since => since < oldest);
        }
    }

    /// <summary>Forgets a key whose object is gone.</summary>
    public void Forget(string key)
    {
        lock (_gate)
        {
            _pending.Remove(key);
        }
    }
}
