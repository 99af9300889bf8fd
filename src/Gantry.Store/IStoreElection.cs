namespace Gantry.Store;

/// <summary>
/// Who does what only one process may do, among those that share a store. A store that belongs to one process does not need it.
/// </summary>
public interface IStoreElection
{
    /// <summary>
    /// Waits until this process leads in a role, and leads until the result is disposed or lost: a leader that cannot reach the
    /// store for the length of its lease is followed by another one.
    /// </summary>
    ValueTask<IStoreLeadership> LeadAsync(string role, string candidate, CancellationToken cancellationToken = default);
}

/// <summary>A role that this process has. Dispose it to give it up.</summary>
public interface IStoreLeadership : IAsyncDisposable
{
    /// <summary>Cancelled when the role is lost, before another process can have it.</summary>
    CancellationToken Lost { get; }
}
