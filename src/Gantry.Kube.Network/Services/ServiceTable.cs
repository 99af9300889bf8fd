using System.Text;
using Gantry.Linux.Nftables;

namespace Gantry.Kube.Network.Services;

/// <summary>
/// The nftables table of Services. Its rules never change: a packet is looked up in one map, by its destination, and goes to
/// the chain of its Service's port, which picks an endpoint. Every change is one transaction.
/// </summary>
internal sealed class ServiceTable(ClusterNetworkOptions options, bool bridgesAreFiltered) : IDisposable
{
    private readonly NftContext _context = new();
    private readonly string _table = options.TableName;

    /// <summary>Replaces the whole table at once: there is no moment without Services.</summary>
    public void Rebuild(IEnumerable<ServicePortState> ports)
    {
        var commands = new StringBuilder();
        commands.AppendLine($"table ip {_table}").AppendLine($"delete table ip {_table}").AppendLine($"table ip {_table} {{").AppendLine(Rules()).AppendLine("}");
        var taken = new HashSet<string>(StringComparer.Ordinal);
        foreach (var port in ports)
        {
            AppendAdd(commands, port, taken);
        }

        _context.Run(commands.ToString());
    }

    /// <summary>Replaces the ports of one Service.</summary>
    public void Replace(IReadOnlyCollection<ServicePortState> old, IReadOnlyCollection<ServicePortState> next)
    {
        var commands = new StringBuilder();
        foreach (var port in old.Where(port => !next.Contains(port)))
        {
            var successor = next.FirstOrDefault(candidate => candidate.Chain == port.Chain);
            AppendRemove(commands, port, successor);
        }

        foreach (var port in next.Where(port => !old.Contains(port)))
        {
            AppendAdd(commands, port, null, old.FirstOrDefault(candidate => candidate.Chain == port.Chain));
        }

        if (commands.Length > 0)
        {
            _context.Run(commands.ToString());
        }
    }

    /// <summary>Removes the table.</summary>
    public void Remove() => _context.TryRun($"delete table ip {_table}");

    public void Dispose() => _context.Dispose();

    private string Rules()
    {
        // Without bridge filtering an answer between two pods of this node would pass the bridge unseen and keep the pod's
        // address where the client expects the Service's; the client is hidden then, which brings the answer back here.
        var samebridge = bridgesAreFiltered ? "" : $"ct status dnat ip saddr {options.PodClusterRange} ip daddr {options.PodClusterRange} masquerade";
        return $$"""
              map services { type ipv4_addr . inet_proto . inet_service : verdict; }
              map nodeports { type inet_proto . inet_service : verdict; }
              set looped { type ipv4_addr . ipv4_addr; }
              chain dispatch {
                ip daddr . meta l4proto . th dport vmap @services
                fib daddr type local meta l4proto . th dport vmap @nodeports
              }
              chain prerouting {
                type nat hook prerouting priority dstnat - 5; policy accept;
                meta l4proto { tcp, udp, sctp } jump dispatch
              }
              chain output {
                type nat hook output priority -105; policy accept;
                meta l4proto { tcp, udp, sctp } jump dispatch
              }
              chain postrouting {
                type nat hook postrouting priority srcnat - 5; policy accept;
                ct status dnat ip saddr . ip daddr @looped masquerade
                {{samebridge}}
              }
              chain unserved {
                meta l4proto tcp reject with tcp reset
                reject with icmp type port-unreachable
              }
              chain forward {
                type filter hook forward priority filter - 5; policy accept;
                ip daddr {{options.ServiceRange}} goto unserved
              }
              chain filteroutput {
                type filter hook output priority filter - 5; policy accept;
                ip daddr {{options.ServiceRange}} goto unserved
              }
            """;
    }

    private void AppendAdd(StringBuilder commands, ServicePortState port, HashSet<string>? taken, ServicePortState? old = null)
    {
        commands.AppendLine($"add chain ip {_table} {port.Chain}").AppendLine($"flush chain ip {_table} {port.Chain}");
        if (port.Endpoints.Length > 0)
        {
            var selector = port.ClientAffinity ? "jhash ip saddr" : "numgen random";
            var targets = string.Join(", ", port.Endpoints.Select((endpoint, index) => $"{index} : {endpoint.Address} . {endpoint.Port}"));
            commands.AppendLine($"add rule ip {_table} {port.Chain} meta l4proto {port.Protocol} dnat ip to {selector} mod {port.Endpoints.Length} map {{ {targets} }}");
            var pairs = string.Join(", ", port.Endpoints.Select(endpoint => endpoint.Address).Distinct().Select(address => $"{address} . {address}"));
            commands.AppendLine($"add element ip {_table} looped {{ {pairs} }}");
        }

        foreach (var (address, number) in port.Entries.Except(old?.Entries ?? []))
        {
            Element("services", $"{address} . {port.Protocol} . {number}");
        }

        if (port.NodePort > 0 && port.NodePort != old?.NodePort)
        {
            Element("nodeports", $"{port.Protocol} . {port.NodePort}");
        }

        void Element(string map, string key)
        {
            if (taken?.Add($"{map} {key}") != false)
            {
                commands.AppendLine($"add element ip {_table} {map} {{ {key} : goto {port.Chain} }}");
            }
        }
    }

    private void AppendRemove(StringBuilder commands, ServicePortState port, ServicePortState? successor)
    {
        foreach (var (address, number) in port.Entries.Except(successor?.Entries ?? []))
        {
            commands.AppendLine($"delete element ip {_table} services {{ {address} . {port.Protocol} . {number} }}");
        }

        if (port.NodePort > 0 && port.NodePort != successor?.NodePort)
        {
            commands.AppendLine($"delete element ip {_table} nodeports {{ {port.Protocol} . {port.NodePort} }}");
        }

        if (successor is null)
        {
            commands.AppendLine($"flush chain ip {_table} {port.Chain}").AppendLine($"delete chain ip {_table} {port.Chain}");
        }
    }
}
