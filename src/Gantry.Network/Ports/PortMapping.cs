namespace Gantry.Network.Ports;

/// <summary>
/// A published port: connections to the host's address and port go to the container's port. <c>HostAddress</c> 0.0.0.0 is
/// every address of the host; <c>HostPort</c> 0 asks for a free one of the range 32768-60999 (Linux's ephemeral range).
/// <c>HostPortEnd</c>, when greater than <c>HostPort</c>, asks for the first free one of the range.
/// </summary>
public sealed record PortMapping(string Protocol, ushort ContainerPort, string HostAddress, ushort HostPort, ushort HostPortEnd = 0);
