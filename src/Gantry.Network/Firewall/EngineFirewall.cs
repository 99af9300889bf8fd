using System.Text;
using Gantry.Linux.Nftables;
using Gantry.Network.Networks;
using Gantry.Network.Ports;

namespace Gantry.Network.Firewall;

/// <summary>
/// The instance's one nftables table. Rules never change: networks, ports and resolvers are elements of sets and maps, so a
/// change is one small transaction and costs the same with one container as with a thousand.
/// </summary>
internal sealed class EngineFirewall(string table) : IDisposable
{
    private readonly NftContext _context = new();

    /// <summary>Replaces the whole table in one transaction: there is no moment without it.</summary>
    internal void Rebuild(IEnumerable<NetworkRecord> networks, IEnumerable<(PortMapping Port, string Address)> ports, IEnumerable<(string Gateway, ushort Port)> resolvers, string? podClusterRange)
    {
        StringBuilder commands = new();
        commands.AppendLine($"table ip {table}").AppendLine($"delete table ip {table}").AppendLine($"table ip {table} {{").AppendLine(Rules(podClusterRange)).AppendLine("}");
        foreach (NetworkRecord network in networks)
        {
            commands.Append(NetworkElements("add", network));
        }

        foreach ((PortMapping port, string address) in ports)
        {
            commands.AppendLine(PortElement("add", port, address));
        }

        foreach ((string gateway, ushort port) in resolvers)
        {
            commands.Append(ResolverElements(gateway, port));
        }

        _context.Run(commands.ToString());
    }

    internal void AddNetwork(NetworkRecord network) => _context.Run(NetworkElements("add", network));

    internal void RemoveNetwork(NetworkRecord network)
    {
        _context.TryRun(NetworkElements("delete", network));
        foreach (string protocol in (string[])["tcp", "udp"])
        {
            _context.TryRun($"delete element ip {table} resolvers {{ {network.Gateway} . {protocol} }}");
        }
    }

    internal void SetResolver(string gateway, ushort port) => _context.Run(ResolverElements(gateway, port));

    internal void AddPorts(IEnumerable<PortMapping> ports, string address) =>
        _context.Run(string.Join('\n', ports.Select(port => PortElement("add", port, address))));

    /// <summary>Removes ports one by one, since a missing one would undo the removal of the others. Also ends their connections' NAT state for UDP.</summary>
    internal void RemovePorts(IEnumerable<PortMapping> ports)
    {
        foreach (PortMapping port in ports)
        {
            _context.TryRun(PortElement("delete", port, null));
        }
    }

    /// <summary>Removes the table.</summary>
    internal void Remove() => _context.TryRun($"delete table ip {table}");

    public void Dispose() => _context.Dispose();

    private static string Rules(string? podClusterRange)
    {
        // Pods reach each other with their own addresses (Kubernetes' network model): never masqueraded inside the range.
        string pods = podClusterRange is null ? "" : $"ip saddr {podClusterRange} ip daddr {podClusterRange} return";
        return $$"""
              set bridges { type ifname; }
              set isolated { type ifname; }
              set closed { type ifname; }
              set same { type ifname . ifname; }
              set egress { type ipv4_addr; flags interval; }
              set looped { type ipv4_addr . ipv4_addr; flags interval; }
              map ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
              map addressports { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
              map resolvers { type ipv4_addr . inet_proto : inet_service; }
              chain published {
                dnat ip to ip daddr . meta l4proto . th dport map @addressports
                dnat ip to meta l4proto . th dport map @ports
              }
              chain prerouting {
                type nat hook prerouting priority dstnat; policy accept;
                iifname @bridges meta l4proto { tcp, udp } th dport 53 redirect to : ip daddr . meta l4proto map @resolvers
                fib daddr type local jump published
              }
              chain output {
                type nat hook output priority -100; policy accept;
                fib daddr type local jump published
              }
              chain postrouting {
                type nat hook postrouting priority srcnat; policy accept;
                {{pods}}
                oifname @bridges ip saddr 127.0.0.0/8 masquerade
                ct status dnat ip saddr . ip daddr @looped masquerade
                ip saddr @egress oifname != @bridges masquerade
              }
              chain input {
                type filter hook input priority filter; policy accept;
                # route_localnet, which published ports need, would otherwise open the host's loopback to containers
                # (CVE-2020-8558). Answers to the host's own connections come back through here.
                iifname @bridges ip daddr 127.0.0.0/8 ct state established,related accept
                iifname @bridges ip daddr 127.0.0.0/8 drop
              }
              chain forward {
                type filter hook forward priority filter; policy accept;
                ct state established,related accept
                ct status dnat accept
                iifname . oifname @same accept
                iifname @closed drop
                oifname @closed drop
                oifname @isolated drop
              }
            """;
    }

    private string NetworkElements(string verb, NetworkRecord network)
    {
        StringBuilder commands = new();
        void Element(string set, string element) => commands.AppendLine($"{verb} element ip {table} {set} {{ {element} }}");
        Element("bridges", $"\"{network.Bridge}\"");
        bool between = !network.Options.TryGetValue("com.docker.network.bridge.enable_icc", out string? icc) || icc != "false";
        if (between)
        {
            Element("same", $"\"{network.Bridge}\" . \"{network.Bridge}\"");
        }

        if (!network.IsPodNetwork)
        {
            Element("isolated", $"\"{network.Bridge}\"");
            Element("looped", $"{network.Subnet} . {network.Subnet}");
        }

        if (network.Internal)
        {
            Element("closed", $"\"{network.Bridge}\"");
        }
        else if (!network.Options.TryGetValue("com.docker.network.bridge.enable_ip_masquerade", out string? masquerade) || masquerade != "false")
        {
            Element("egress", network.Subnet);
        }

        return commands.ToString();
    }

    private string ResolverElements(string gateway, ushort port) =>
        $"add element ip {table} resolvers {{ {gateway} . tcp : {port}, {gateway} . udp : {port} }}\n";

    private string PortElement(string verb, PortMapping port, string? address)
    {
        string value = address is null ? "" : $" : {address} . {port.ContainerPort}";
        return port.HostAddress is "0.0.0.0" or ""
            ? $"{verb} element ip {table} ports {{ {port.Protocol} . {port.HostPort}{value} }}"
            : $"{verb} element ip {table} addressports {{ {port.HostAddress} . {port.Protocol} . {port.HostPort}{value} }}";
    }
}
