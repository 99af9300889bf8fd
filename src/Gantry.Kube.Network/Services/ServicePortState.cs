using System.Collections.Immutable;

namespace Gantry.Kube.Network.Services;

/// <summary>
/// One port of a Service as this node carries it: where it is reached and to whom it goes. <c>Entries</c> are keys of the
/// services map (address . protocol . port); <c>NodePort</c> 0 is none.
/// </summary>
internal sealed record ServicePortState(
    string Chain,
    string Protocol,
    ImmutableSortedSet<(string Address, int Port)> Entries,
    int NodePort,
    ImmutableArray<(string Address, int Port)> Endpoints,
    bool ClientAffinity)
{
    public bool Equals(ServicePortState? other) =>
        other is not null && Chain == other.Chain && Protocol == other.Protocol && NodePort == other.NodePort && ClientAffinity == other.ClientAffinity
        && Entries.SetEquals(other.Entries) && Endpoints.SequenceEqual(other.Endpoints);

    public override int GetHashCode() => Chain.GetHashCode(StringComparison.Ordinal);
}
