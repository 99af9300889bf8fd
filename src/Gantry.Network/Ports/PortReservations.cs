using System.Net;
using System.Net.Sockets;
using Gantry.Faults;

namespace Gantry.Network.Ports;

/// <summary>
/// The host's ports that this instance publishes. Each is held by a bound socket for as long as it is published, so that a
/// host program and a container cannot both believe to have it; packets never reach that socket, since nftables redirects
/// them before. Thread-safe.
/// </summary>
internal sealed class PortReservations : IDisposable
{
    // net.ipv4.ip_local_port_range's default, from which Docker takes ports that were not asked for.
    private const int FirstDynamic = 32768;
    private const int LastDynamic = 60999;
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Protocol, string Address, ushort Port), Socket?> _held = [];
    private int _next = FirstDynamic;

    /// <summary>Reserves one mapping and returns it with its host port; <c>Conflict</c> in Docker's words when it is taken.</summary>
    internal PortMapping Reserve(PortMapping mapping)
    {
        string address = mapping.HostAddress.Length == 0 ? "0.0.0.0" : mapping.HostAddress;
        lock (_lock)
        {
            if (mapping.HostPort != 0)
            {
                int last = Math.Max(mapping.HostPort, mapping.HostPortEnd);
                string? reason = null;
                for (int port = mapping.HostPort; port <= last; port++)
                {
                    if (TryTake(mapping.Protocol, address, (ushort)port, out reason))
                    {
                        return mapping with { HostAddress = address, HostPort = (ushort)port, HostPortEnd = 0 };
                    }
                }

                throw new FaultException(FaultKind.Conflict, reason!);
            }

            for (int tried = FirstDynamic; tried <= LastDynamic; tried++)
            {
                int port = _next;
                _next = port == LastDynamic ? FirstDynamic : port + 1;
                if (TryTake(mapping.Protocol, address, (ushort)port, out _))
                {
                    return mapping with { HostAddress = address, HostPort = (ushort)port, HostPortEnd = 0 };
                }
            }

            throw new FaultException(FaultKind.ResourceExhausted, "all ports are allocated");
        }
    }

    /// <summary>Takes a port that a record says is published: after a restart of gantryd. It is kept even if a host program got in between.</summary>
    internal void Restore(PortMapping mapping)
    {
        lock (_lock)
        {
            _held[(mapping.Protocol, mapping.HostAddress, mapping.HostPort)] = Bind(mapping.Protocol, mapping.HostAddress, mapping.HostPort, out _);
        }
    }

    internal void Release(PortMapping mapping)
    {
        lock (_lock)
        {
            if (_held.Remove((mapping.Protocol, mapping.HostAddress, mapping.HostPort), out Socket? socket))
            {
                socket?.Dispose();
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (Socket? socket in _held.Values)
            {
                socket?.Dispose();
            }

            _held.Clear();
        }
    }

    private bool TryTake(string protocol, string address, ushort port, out string? reason)
    {
        bool taken = _held.Keys.Any(held => held.Protocol == protocol && held.Port == port
            && (held.Address == address || held.Address == "0.0.0.0" || address == "0.0.0.0"));
        if (taken)
        {
            reason = $"Bind for {address}:{port} failed: port is already allocated";
            return false;
        }

        Socket? socket = Bind(protocol, address, port, out SocketError error);
        if (error != SocketError.Success)
        {
            string words = error switch
            {
                SocketError.AddressAlreadyInUse => "address already in use",
                SocketError.AddressNotAvailable => "cannot assign requested address",
                _ => error.ToString(),
            };
            reason = $"failed to bind port {address}:{port}/{protocol}: listen {protocol}4 {address}:{port}: bind: {words}";
            return false;
        }

        reason = null;
        _held[(protocol, address, port)] = socket;
        return true;
    }

    private static Socket? Bind(string protocol, string address, ushort port, out SocketError error)
    {
        error = SocketError.Success;
        if (protocol is not ("tcp" or "udp"))
        {
            return null;
        }

        Socket socket = protocol == "tcp"
            ? new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
            : new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Parse(address), port));
            if (protocol == "tcp")
            {
                // Only a listening socket keeps others away: two bound ones with SO_REUSEADDR, which .NET sets, may share a port.
                socket.Listen(1);
            }

            return socket;
        }
        catch (SocketException exception)
        {
            error = exception.SocketErrorCode;
            socket.Dispose();
            return null;
        }
    }
}
