using System.Net;
using System.Text.Json.Serialization;
using Gantry.Network.Addresses;

namespace Gantry.Network.Networks;

/// <summary>A network as it is stored and shown. Immutable.</summary>
public sealed record NetworkRecord
{
    /// <summary>64 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary><c>bridge</c>, <c>host</c> or <c>null</c>.</summary>
    public required string Driver { get; init; }

    /// <summary>The subnet; empty for networks without addresses.</summary>
    public string Subnet { get; init; } = "";

    /// <summary>The part of the subnet that containers get addresses from; empty for all of it.</summary>
    public string AddressRange { get; init; } = "";

    /// <summary>The bridge's address.</summary>
    public string Gateway { get; init; } = "";

    /// <summary>The bridge's interface name.</summary>
    public string Bridge { get; init; } = "";

    /// <summary>Without a way out.</summary>
    public bool Internal { get; init; }

    /// <summary>As asked.</summary>
    public bool Attachable { get; init; }

    /// <summary>As asked.</summary>
    public bool EnableIpv6 { get; init; }

    /// <summary>The user's labels.</summary>
    public Dictionary<string, string> Labels { get; init; } = [];

    /// <summary>Driver options.</summary>
    public Dictionary<string, string> Options { get; init; } = [];

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The network of pods: not shown to Docker's users.</summary>
    public bool IsPodNetwork { get; init; }

    /// <summary>One of Docker's own networks (bridge, host, none), which cannot be removed.</summary>
    [JsonIgnore]
    public bool IsPredefined => Name is "bridge" or "host" or "none" || IsPodNetwork;

    /// <summary>Whether containers find each other by name here: in all networks that a user made.</summary>
    [JsonIgnore]
    public bool ResolvesNames => Driver == "bridge" && !IsPredefined;

    [JsonIgnore]
    internal Ipv4Range SubnetRange => Ipv4Range.Parse(Subnet);

    [JsonIgnore]
    internal IPAddress GatewayAddress => IPAddress.Parse(Gateway);
}
