using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Gantry.Faults;

namespace Gantry.Network.Addresses;

/// <summary>An IPv4 network in CIDR form: the base address has no host bits.</summary>
public readonly record struct Ipv4Range(uint Base, int PrefixLength)
{
    /// <summary>Number of addresses.</summary>
    public long Size => 1L << (32 - PrefixLength);

    /// <summary>The highest address.</summary>
    public uint Last => (uint)(Base + Size - 1);

    /// <summary>The base address.</summary>
    public IPAddress Address => ToAddress(Base);

    /// <summary>Parses <c>a.b.c.d/n</c>; host bits are cleared. Anything else is <c>InvalidArgument</c>.</summary>
    public static Ipv4Range Parse(string text) => TryParse(text, out Ipv4Range range)
        ? range
        : throw new FaultException(FaultKind.InvalidArgument, $"invalid CIDR address: {text}");

    /// <summary>As <see cref="Parse"/>, without a fault.</summary>
    public static bool TryParse(string? text, out Ipv4Range range)
    {
        range = default;
        int slash = text?.IndexOf('/') ?? -1;
        if (slash < 0
            || !IPAddress.TryParse(text.AsSpan(0, slash), out IPAddress? address)
            || address.AddressFamily != AddressFamily.InterNetwork
            || !int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int prefix)
            || prefix > 32)
        {
            return false;
        }

        range = new Ipv4Range(ToNumber(address) & Mask(prefix), prefix);
        return true;
    }

    /// <summary>Whether an address lies inside.</summary>
    public bool Contains(IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetwork && (ToNumber(address) & Mask(PrefixLength)) == Base;

    /// <summary>Whether two ranges share an address.</summary>
    public bool Overlaps(Ipv4Range other) => Base <= other.Last && other.Base <= Last;

    /// <summary>Whether another range lies completely inside.</summary>
    public bool Contains(Ipv4Range other) => Base <= other.Base && other.Last <= Last;

    /// <inheritdoc/>
    public override string ToString() => $"{Address}/{PrefixLength}";

    /// <summary>An address as a number in host order.</summary>
    public static uint ToNumber(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[4];
        return address.TryWriteBytes(bytes, out int written) && written == 4
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : throw new FaultException(FaultKind.InvalidArgument, $"invalid IPv4 address: {address}");
    }

    /// <summary>The address of a number.</summary>
    public static IPAddress ToAddress(uint number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return new IPAddress(bytes);
    }

    private static uint Mask(int prefix) => prefix == 0 ? 0 : uint.MaxValue << (32 - prefix);
}
