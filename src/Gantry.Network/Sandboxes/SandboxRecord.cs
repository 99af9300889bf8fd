using Gantry.Network.Ports;

namespace Gantry.Network.Sandboxes;

/// <summary>One network connection as it is stored and shown. Immutable.</summary>
public sealed record EndpointRecord
{
    /// <summary>64 hexadecimal digits.</summary>
    public required string EndpointId { get; init; }

    /// <summary>The network's id.</summary>
    public required string NetworkId { get; init; }

    /// <summary>The network's name at the time.</summary>
    public required string NetworkName { get; init; }

    /// <summary>The address, without prefix; empty on networks without addresses.</summary>
    public string Address { get; init; } = "";

    /// <summary>The subnet's prefix length.</summary>
    public int PrefixLength { get; init; }

    /// <summary>The bridge's address; empty on internal networks' default route, see <see cref="Networks.NetworkRecord.Internal"/>.</summary>
    public string Gateway { get; init; } = "";

    /// <summary>The container's interface's hardware address.</summary>
    public string HardwareAddress { get; init; } = "";

    /// <summary>The host's end of the veth pair.</summary>
    public string HostInterface { get; init; } = "";

    /// <summary>The container's end, for example eth0.</summary>
    public string Interface { get; init; } = "";

    /// <summary>Names under which others of the network find it.</summary>
    public List<string> Names { get; init; } = [];
}

/// <summary>
/// A sandbox as it is stored and shown: written before anything of it is made in the kernel, removed after everything is
/// gone, so that whatever a killed gantryd leaves is known to the next one. Immutable.
/// </summary>
public sealed record SandboxRecord
{
    /// <summary>The container's or pod's id.</summary>
    public required string Id { get; init; }

    /// <summary>The connections.</summary>
    public List<EndpointRecord> Endpoints { get; init; } = [];

    /// <summary>The ports, with the host ports that were chosen.</summary>
    public List<PortMapping> Ports { get; init; } = [];

    /// <summary>Pin of the network namespace; null in the host's network.</summary>
    public string? NetworkPath { get; init; }

    /// <summary>Pin of the IPC namespace; null when it has none.</summary>
    public string? IpcPath { get; init; }

    /// <summary>Pin of the UTS namespace; null when it has none.</summary>
    public string? UtsPath { get; init; }
}
