using System.Net;
using System.Runtime.InteropServices;
using Gantry.Faults;
using static Gantry.Linux.Netlink.NetlinkConstants;

namespace Gantry.Linux.Netlink;

/// <summary>
/// Links, addresses, routes and neighbours of one network namespace (rtnetlink(7)). Thread-safe; calls block for the
/// kernel's answer, which takes microseconds. Failures are faults that name the operation, the object and the errno.
/// </summary>
public sealed partial class RouteSocket : IDisposable
{
    private static readonly int[] s_exists = [EEXIST];
    private static readonly int[] s_absent = [ENODEV, ENOENT, ESRCH, EADDRNOTAVAIL];
    private readonly NetlinkSocket _socket;

    private RouteSocket(NetlinkSocket socket) => _socket = socket;

    /// <summary>Opens a socket in the process's network namespace.</summary>
    public static RouteSocket Open() => new(NetlinkSocket.Open());

    /// <summary>Opens a socket in another network namespace.</summary>
    public static RouteSocket Open(NetworkNamespace networkNamespace) => new(networkNamespace.Run(NetlinkSocket.Open));

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    /// <summary>All interfaces.</summary>
    public IReadOnlyList<LinkInfo> ListLinks()
    {
        List<LinkInfo> links = [];
        NetlinkMessageWriter request = new NetlinkMessageWriter()
            .Begin("list links", RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, InterfaceHeader(AF_UNSPEC, 0, 0, 0)).End();
        _socket.Dump(request, frame =>
        {
            if (frame.Type == RTM_NEWLINK)
            {
                links.Add(ParseLink(frame.Payload));
            }
        });
        return links;
    }

    /// <summary>The interface of a name, or null.</summary>
    public LinkInfo? FindLink(string name) => ListLinks().FirstOrDefault(link => link.Name == name);

    /// <summary>Makes a bridge without spanning tree and forward delay, up; returns its index. An existing one of that name is kept.</summary>
    public int EnsureBridge(string name, byte[] hardwareAddress, int mtu)
    {
        NetlinkMessageWriter request = new NetlinkMessageWriter().Begin(
            "add bridge " + name, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, InterfaceHeader(AF_UNSPEC, 0, IFF_UP, IFF_UP));
        // A bridge without a fixed address takes the lowest one of its ports and so changes it as containers come and go.
        request.Attribute(IFLA_IFNAME, name).Attribute(IFLA_ADDRESS, hardwareAddress).Attribute(IFLA_MTU, (uint)mtu);
        int info = request.BeginNested(IFLA_LINKINFO);
        request.Attribute(IFLA_INFO_KIND, "bridge");
        int data = request.BeginNested(IFLA_INFO_DATA);
        request.Attribute(IFLA_BR_FORWARD_DELAY, 0u).EndNested(data).EndNested(info).End();
        _socket.Execute(request, s_exists);
        LinkInfo link = FindLink(name) ?? throw new FaultException(FaultKind.Internal, $"bridge {name} vanished while it was made");
        if (!link.IsUp)
        {
            SetUp(link.Index);
        }

        return link.Index;
    }

    /// <summary>Makes a veth pair as specified, the host's end up, in one request; <see cref="ConfigureContainer"/> brings up the other.</summary>
    public void AddVeth(VethSpec spec)
    {
        using SafeHandle peerNamespace = spec.PeerNamespace.OpenDescriptor();
        NetlinkMessageWriter request = new NetlinkMessageWriter().Begin(
            $"add veth {spec.HostName}", RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, InterfaceHeader(AF_UNSPEC, 0, IFF_UP, IFF_UP));
        request.Attribute(IFLA_IFNAME, spec.HostName).Attribute(IFLA_MTU, (uint)spec.Mtu);
        if (spec.BridgeIndex != 0)
        {
            request.Attribute(IFLA_MASTER, (uint)spec.BridgeIndex);
        }

        int info = request.BeginNested(IFLA_LINKINFO);
        request.Attribute(IFLA_INFO_KIND, "veth");
        int data = request.BeginNested(IFLA_INFO_DATA);
        int peer = request.BeginNested(VETH_INFO_PEER);
        // The peer cannot be brought up here: veth_open refuses (ENOTCONN) until both ends are paired.
        request.Raw(InterfaceHeader(AF_UNSPEC, 0, 0, 0))
            .Attribute(IFLA_IFNAME, spec.PeerName)
            .Attribute(IFLA_ADDRESS, spec.PeerHardwareAddress)
            .Attribute(IFLA_MTU, (uint)spec.Mtu)
            .Attribute(IFLA_NET_NS_FD, (uint)(int)peerNamespace.DangerousGetHandle())
            .EndNested(peer).EndNested(data).EndNested(info).End();
        _socket.Execute(request);
    }

    /// <summary>Lets a bridge port send a frame back to where it came from, as published ports need when a container reaches itself.</summary>
    public void SetHairpin(int portIndex)
    {
        NetlinkMessageWriter request = new NetlinkMessageWriter().Begin(
            $"set hairpin on link {portIndex}", RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, InterfaceHeader(AF_BRIDGE, portIndex, 0, 0));
        int info = request.BeginNested(IFLA_PROTINFO | NLA_F_NESTED);
        request.Attribute(IFLA_BRPORT_MODE, [1]).EndNested(info).End();
        _socket.Execute(request);
    }

    /// <summary>Sets an interface up.</summary>
    public void SetUp(int index) => _socket.Execute(new NetlinkMessageWriter()
        .Begin($"set link {index} up", RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, InterfaceHeader(AF_UNSPEC, index, IFF_UP, IFF_UP)).End());

    /// <summary>Sets an interface down.</summary>
    public void SetDown(int index) => _socket.Execute(new NetlinkMessageWriter()
        .Begin($"set link {index} down", RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, InterfaceHeader(AF_UNSPEC, index, 0, IFF_UP)).End());

    /// <summary>
    /// Moves an interface that is down into another network namespace, by a descriptor of that, under a name, in one step. It loses its
    /// addresses.
    /// </summary>
    public void MoveLink(int index, string newName, int namespaceDescriptor) => _socket.Execute(new NetlinkMessageWriter()
        .Begin($"move link {index} as {newName}", RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, InterfaceHeader(AF_UNSPEC, index, 0, 0))
        .Attribute(IFLA_IFNAME, newName).Attribute(IFLA_NET_NS_FD, (uint)namespaceDescriptor).End());

    /// <summary>Removes an interface by name; false when there is none.</summary>
    public bool DeleteLink(string name)
    {
        NetlinkMessageWriter request = new NetlinkMessageWriter()
            .Begin("delete link " + name, RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, InterfaceHeader(AF_UNSPEC, 0, 0, 0))
            .Attribute(IFLA_IFNAME, name).End();
        try
        {
            _socket.Execute(request);
            return true;
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            return false;
        }
    }

    private static LinkInfo ParseLink(ReadOnlySpan<byte> payload)
    {
        int index = MemoryMarshal.Read<int>(payload[4..]);
        bool up = (MemoryMarshal.Read<uint>(payload[8..]) & IFF_UP) != 0;
        string name = "";
        int master = 0;
        byte[] address = [];
        LinkCounters counters = default;
        foreach (NetlinkAttribute attribute in new NetlinkAttributes(payload[16..]))
        {
            switch (attribute.Type)
            {
                case IFLA_IFNAME: name = attribute.Text; break;
                case IFLA_MASTER: master = (int)attribute.UInt32; break;
                case IFLA_ADDRESS: address = attribute.Value.ToArray(); break;
                case IFLA_STATS64: counters = ParseCounters(attribute.Value); break;
            }
        }

        return new LinkInfo(index, name, up, master, address, counters);
    }

    private static LinkCounters ParseCounters(ReadOnlySpan<byte> value)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(value[..64]);
        return new LinkCounters(words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7]);
    }

    /// <summary>struct ifinfomsg.</summary>
    private static byte[] InterfaceHeader(int family, int index, uint flags, uint change)
    {
        byte[] header = new byte[16];
        header[0] = (byte)family;
        MemoryMarshal.Write(header.AsSpan(4), index);
        MemoryMarshal.Write(header.AsSpan(8), flags);
        MemoryMarshal.Write(header.AsSpan(12), change);
        return header;
    }
}
