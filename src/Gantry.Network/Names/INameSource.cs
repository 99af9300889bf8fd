using System.Net;

namespace Gantry.Network.Names;

/// <summary>Answers for the names of containers.</summary>
internal interface INameSource
{
    /// <summary>
    /// Addresses of a name as the asking address may see it; null when the name is nobody's, so that the host's resolvers are asked.
    /// </summary>
    IReadOnlyList<IPAddress>? Resolve(IPAddress asking, string name);

    /// <summary>The name of an address, as the asking address may see it, or null.</summary>
    string? ResolveAddress(IPAddress asking, IPAddress address);
}
