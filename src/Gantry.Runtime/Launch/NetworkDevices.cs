using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Linux.Netlink;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>
/// linux.netDevices: network devices that move from the runtime's network namespace into the container's, with their addresses. The
/// runtime moves them, and the container's first process, which is there, sets them up; both know them from before the clone.
/// </summary>
internal sealed class NetworkDevices
{
    private readonly List<(LinkInfo Link, string Name, IReadOnlyList<LinkAddress> Addresses)> _devices = [];

    /// <summary>Looks the devices up; null when there are none to move.</summary>
    public static NetworkDevices? Find(LinuxSpec? linux)
    {
        if (linux?.NetDevices is not { Count: > 0 } wanted)
        {
            return null;
        }
        var result = new NetworkDevices();
        using var socket = RouteSocket.Open();
        foreach (var (name, device) in wanted)
        {
            var link = socket.FindLink(name)
                ?? throw new FaultException(FaultKind.NotFound, $"linux.netDevices: there is no network device {name} in the runtime's namespace");
            result._devices.Add((link, string.IsNullOrEmpty(device.Name) ? name : device.Name, socket.ListGivenAddresses(link.Index)));
        }
        return result;
    }

    /// <summary>The runtime's part: moves the devices to a process that is in a network namespace, or will join one.</summary>
    public void Move(int pid, NamespaceSet namespaces)
    {
        using var own = namespaces.Joined(Sched.CLONE_NEWNET) is null ? Fcntl.Open($"/proc/{pid}/ns/net", Fcntl.O_RDONLY) : null;
        var target = own ?? namespaces.Joined(Sched.CLONE_NEWNET)!;
        using var socket = RouteSocket.Open();
        foreach (var (link, name, _) in _devices)
        {
            try
            {
                socket.SetDown(link.Index);
                socket.MoveLink(link.Index, name, target.Number);
            }
            catch (FaultException e)
            {
                throw new FaultException(e.Kind, $"linux.netDevices.{link.Name}: {e.Message}", e);
            }
        }
    }

    /// <summary>The first process's part, in the namespace: addresses and up.</summary>
    public void SetUp()
    {
        using var socket = RouteSocket.Open();
        foreach (var (link, name, addresses) in _devices)
        {
            try
            {
                var moved = socket.FindLink(name) ?? throw new FaultException(FaultKind.NotFound, $"{name} has not come");
                foreach (var address in addresses)
                {
                    socket.AddAddress(moved.Index, address.Address, address.PrefixLength);
                }
                socket.SetUp(moved.Index);
            }
            catch (FaultException e)
            {
                throw new FaultException(e.Kind, $"linux.netDevices.{link.Name}: {e.Message}", e);
            }
        }
    }
}
