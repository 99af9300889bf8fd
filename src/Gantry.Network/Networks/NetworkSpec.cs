using System.Net;

namespace Gantry.Network.Networks;

/// <summary>A network that a user asks for.</summary>
public sealed record NetworkSpec
{
    /// <summary>Its name, unique in the instance.</summary>
    public required string Name { get; init; }

    /// <summary>The driver; only <c>bridge</c> can be asked for.</summary>
    public string Driver { get; init; } = "bridge";

    /// <summary>The subnet in CIDR form; null takes the next free /24 of the range.</summary>
    public string? Subnet { get; init; }

    /// <summary>Addresses for containers are taken from this part of the subnet; null for all of it.</summary>
    public string? AddressRange { get; init; }

    /// <summary>The bridge's address; null for the subnet's first.</summary>
    public IPAddress? Gateway { get; init; }

    /// <summary>Without a way out of the network.</summary>
    public bool Internal { get; init; }

    /// <summary>Whether containers may be attached by name; kept and shown only.</summary>
    public bool Attachable { get; init; }

    /// <summary>Whether IPv6 was asked for; kept and shown, no addresses are given.</summary>
    public bool EnableIpv6 { get; init; }

    /// <summary>The user's labels.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Driver options; those of Docker's bridge driver that are known are followed, others kept and shown.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();
}
