using System.Net;
using Gantry.Faults;

namespace Gantry.Network.Addresses;

/// <summary>
/// The addresses of one network. A released address is given out again only after all others were: neighbours' caches have
/// then forgotten it. Not thread-safe: its network's owner serializes. Durability is the owner's, by its records.
/// </summary>
internal sealed class AddressPool
{
    private readonly HashSet<uint> _used = [];
    private readonly Ipv4Range _subnet;
    private readonly Ipv4Range _range;
    private uint _next;

    internal AddressPool(Ipv4Range subnet, Ipv4Range range, IPAddress gateway)
    {
        _subnet = subnet;
        _range = range;
        _next = range.Base;
        _used.Add(subnet.Base);
        _used.Add(subnet.Last);
        _used.Add(Ipv4Range.ToNumber(gateway));
    }

    /// <summary>The next free address; <c>ResourceExhausted</c> when there is none.</summary>
    internal IPAddress Allocate()
    {
        for (long tried = 0; tried < _range.Size; tried++)
        {
            uint candidate = _next;
            _next = candidate == _range.Last ? _range.Base : candidate + 1;
            if (_used.Add(candidate))
            {
                return Ipv4Range.ToAddress(candidate);
            }
        }

        throw new FaultException(FaultKind.ResourceExhausted, $"no available IPv4 addresses on this network's address pools: {_subnet}");
    }

    /// <summary>Takes a given address: <c>InvalidArgument</c> outside the subnet, <c>FailedPrecondition</c> when it is taken.</summary>
    internal void Reserve(IPAddress address)
    {
        if (!_subnet.Contains(address))
        {
            throw new FaultException(
                FaultKind.InvalidArgument, $"invalid config for network: invalid endpoint settings: no configured subnet contains IP address {address}");
        }

        if (!_used.Add(Ipv4Range.ToNumber(address)))
        {
            throw new FaultException(FaultKind.FailedPrecondition, "Address already in use");
        }
    }

    internal void Release(IPAddress address) => _used.Remove(Ipv4Range.ToNumber(address));
}
