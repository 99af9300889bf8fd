using Gantry.Store;

namespace Gantry.Kube.Api.Resources;

/// <summary>
/// What an object reserves outside itself. Reservations are keys of the store, committed together with the object: they
/// survive restarts, and two writers cannot reserve the same thing.
/// </summary>
internal sealed class AllocationContext(IStore store, string owner)
{
    /// <summary>The store, to look for what is free.</summary>
    public IStore Store { get; } = store;

    /// <summary>The key of the object that reserves.</summary>
    public string Owner { get; } = owner;

    /// <summary>Committed with the object. A failed expectation makes the whole write start again.</summary>
    public List<StoreOperation> Operations { get; } = [];

    /// <summary>What each operation reserves, for the message when a reservation that was asked for is taken.</summary>
    public Dictionary<string, Action<Validation.FieldErrors>> Requested { get; } = [];
}
