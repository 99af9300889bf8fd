using System.Net;
using Gantry.Network.Ports;

namespace Gantry.Network.Sandboxes;

/// <summary>One network connection that is asked for.</summary>
public sealed record EndpointRequest
{
    /// <summary>The network's id or name.</summary>
    public required string Network { get; init; }

    /// <summary>Names under which others of a user-defined network find it.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>A fixed address; null for the next free one.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>A fixed hardware address (<c>02:42:ac:1e:00:02</c>); null derives it from the address.</summary>
    public string? HardwareAddress { get; init; }
}

/// <summary>A network sandbox that is asked for: the namespaces of one container or one pod.</summary>
public sealed record SandboxRequest
{
    /// <summary>The container's or pod's id.</summary>
    public required string Id { get; init; }

    /// <summary>Its connections in order; the first gives the default route. Empty: loopback only.</summary>
    public IReadOnlyList<EndpointRequest> Endpoints { get; init; } = [];

    /// <summary>Ports to publish, on the first connection's address.</summary>
    public IReadOnlyList<PortMapping> Ports { get; init; } = [];

    /// <summary>Also make and pin an IPC and a UTS namespace, the latter with this host name; null for neither (containers).</summary>
    public string? PodHostName { get; init; }

    /// <summary>With false, no network namespace is made (a pod in the host's network).</summary>
    public bool NetworkNamespace { get; init; } = true;

    /// <summary>Sysctls of the namespaces (<c>net.*</c>; for pods also <c>kernel.shm*</c>, <c>kernel.msg*</c>, <c>kernel.sem</c>, <c>fs.mqueue.*</c>).</summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();
}
