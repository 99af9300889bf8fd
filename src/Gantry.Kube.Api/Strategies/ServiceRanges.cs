using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Store;

namespace Gantry.Kube.Api.Strategies;

/// <summary>
/// The cluster addresses and node ports of services. Each one in use is a key of the store whose value is the service's
/// key, written in the commit that writes the service and deleted in the one that deletes it.
/// </summary>
internal sealed class ServiceRanges
{
    private const string AddressPrefix = "/registry/ranges/serviceips/";
    private const string PortPrefix = "/registry/ranges/servicenodeports/";

    /// <summary>So many random picks before the range is searched for what is free.</summary>
    private const int RandomPicks = 16;

    private readonly uint _base;
    private readonly int _size;
    private readonly int _firstPort;
    private readonly int _lastPort;

    public ServiceRanges(IPNetwork addresses, int firstPort, int lastPort)
    {
        Addresses = addresses;
        _base = ToNumber(addresses.BaseAddress);
        _size = addresses.PrefixLength < 2 ? int.MaxValue : (int)Math.Min(int.MaxValue, 1L << (32 - addresses.PrefixLength));
        _firstPort = firstPort;
        _lastPort = lastPort;
    }

    public IPNetwork Addresses { get; }

    /// <summary>The first usable address: that of the service <c>kubernetes</c>.</summary>
    public IPAddress First => ToAddress(_base + 1);

    public async ValueTask AllocateAsync(AllocationContext context, JsonMap? spec, JsonMap? old)
    {
        var held = old is null ? [] : Held(old);
        if (spec is not null)
        {
            await AllocateAddressAsync(context, spec, held).ConfigureAwait(false);
            await AllocatePortsAsync(context, spec, held).ConfigureAwait(false);
        }

        foreach (var key in held)
        {
            context.Operations.Add(new StoreOperation(key, null));
        }
    }

    private static HashSet<string> Held(JsonMap spec)
    {
        var held = new HashSet<string>(StringComparer.Ordinal);
        if (spec.Text("clusterIP") is { Length: > 0 } address and not "None")
        {
            held.Add(AddressPrefix + address);
        }

        foreach (var port in spec.Maps("ports"))
        {
            if (port.Number("nodePort") is > 0 and var number)
            {
                held.Add(PortKey(number));
            }
        }

        return held;
    }

    private async ValueTask AllocateAddressAsync(AllocationContext context, JsonMap spec, HashSet<string> held)
    {
        if (spec.Text("type") == "ExternalName")
        {
            return;
        }

        var wanted = spec.Text("clusterIP") is { Length: > 0 } one ? one : spec.List("clusterIPs")?.FirstOrDefault() as string ?? "";
        if (wanted.Length == 0)
        {
            wanted = await PickAddressAsync(context).ConfigureAwait(false);
            Reserve(context, AddressPrefix + wanted, null);
        }
        else if (wanted != "None" && !held.Remove(AddressPrefix + wanted))
        {
            var address = wanted;
            if (!IPAddress.TryParse(address, out var parsed) || !Addresses.Contains(parsed))
            {
                Refuse(e => e.Invalid("spec.clusterIPs", new GoStrings(address), $"failed to allocate IP {address}: the provided IP ({address}) is not in the valid range. The range of valid IPs is {Addresses}"), context);
            }

            Reserve(context, AddressPrefix + address, e => e.Invalid("spec.clusterIPs", new GoStrings(address), $"failed to allocate IP {address}: provided IP is already allocated"));
        }

        spec["clusterIP"] = wanted;
        spec["clusterIPs"] = new List<object?> { wanted };
        spec.Default("ipFamilies", new List<object?> { "IPv4" });
        spec.Default("ipFamilyPolicy", "SingleStack");
    }

    private async ValueTask AllocatePortsAsync(AllocationContext context, JsonMap spec, HashSet<string> held)
    {
        var type = spec.Text("type");
        var automatic = type == "NodePort" || (type == "LoadBalancer" && spec.GetValueOrDefault("allocateLoadBalancerNodePorts") is not false);
        if (type is not ("NodePort" or "LoadBalancer"))
        {
            return;
        }

        var mine = new HashSet<long>();
        var index = -1;
        foreach (var port in spec.Maps("ports"))
        {
            index++;
            if (port.Number("nodePort") is not (> 0 and var number))
            {
                continue;
            }

            var field = string.Create(CultureInfo.InvariantCulture, $"spec.ports[{index}].nodePort");
            if (!mine.Add(number) || held.Remove(PortKey(number)))
            {
                continue;
            }

            if (number < _firstPort || number > _lastPort)
            {
                Refuse(e => e.Invalid(field, number, $"provided port is not in the valid range. The range of valid ports is {_firstPort}-{_lastPort}"), context);
            }

            Reserve(context, PortKey(number), e => e.Invalid(field, number, "provided port is already allocated"));
        }

        foreach (var port in spec.Maps("ports").Where(p => automatic && p.Number("nodePort") is null or 0))
        {
            var number = await PickPortAsync(context, mine).ConfigureAwait(false);
            mine.Add(number);
            port["nodePort"] = number;
            Reserve(context, PortKey(number), null);
        }
    }

    private async ValueTask<string> PickAddressAsync(AllocationContext context)
    {
        // Upstream keeps the lower part of the range for addresses that users ask for, and gives out the upper part first.
        var reserved = Math.Min(Math.Max(16, _size / 16), 256);
        for (var i = 0; i < RandomPicks; i++)
        {
            var low = _size > reserved + 2 ? reserved : 1;
            var text = ToAddress(_base + (uint)RandomNumberGenerator.GetInt32(low, _size - 1)).ToString();
            if (await context.Store.GetAsync(AddressPrefix + text).ConfigureAwait(false) is null)
            {
                return text;
            }
        }

        var used = await UsedAsync(context, AddressPrefix).ConfigureAwait(false);
        for (var i = 1; i < _size - 1; i++)
        {
            var text = ToAddress(_base + (uint)i).ToString();
            if (!used.Contains(text))
            {
                return text;
            }
        }

        throw Requests.StatusErrors.Internal("failed to allocate a serviceIP: range is full");
    }

    private async ValueTask<long> PickPortAsync(AllocationContext context, HashSet<long> mine)
    {
        for (var i = 0; i < RandomPicks; i++)
        {
            var port = RandomNumberGenerator.GetInt32(_firstPort, _lastPort + 1);
            if (!mine.Contains(port) && await context.Store.GetAsync(PortKey(port)).ConfigureAwait(false) is null)
            {
                return port;
            }
        }

        var used = await UsedAsync(context, PortPrefix).ConfigureAwait(false);
        for (long port = _firstPort; port <= _lastPort; port++)
        {
            if (!mine.Contains(port) && !used.Contains(port.ToString(CultureInfo.InvariantCulture)))
            {
                return port;
            }
        }

        throw Requests.StatusErrors.Internal("failed to allocate a nodePort: range is full");
    }

    private static async ValueTask<HashSet<string>> UsedAsync(AllocationContext context, string prefix)
    {
        var page = await context.Store.RangeAsync(new StoreRange(prefix)).ConfigureAwait(false);
        return page.Entries.Select(e => e.Key[prefix.Length..]).ToHashSet(StringComparer.Ordinal);
    }

    private static void Reserve(AllocationContext context, string key, Action<Validation.FieldErrors>? requested)
    {
        context.Operations.Add(new StoreOperation(key, Encoding.UTF8.GetBytes(context.Owner), 0));
        if (requested is not null)
        {
            context.Requested[key] = requested;
        }
    }

    private static void Refuse(Action<Validation.FieldErrors> report, AllocationContext context)
    {
        var errors = new Validation.FieldErrors();
        report(errors);
        throw Requests.StatusErrors.Invalid("Service", "", context.Owner[(context.Owner.LastIndexOf('/') + 1)..], errors);
    }

    private static string PortKey(long port) => PortPrefix + port.ToString(CultureInfo.InvariantCulture);

    private static uint ToNumber(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        return ((uint)bytes[0] << 24) | ((uint)bytes[1] << 16) | ((uint)bytes[2] << 8) | bytes[3];
    }

    private static IPAddress ToAddress(uint number) => new([(byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number]);

    /// <summary>A list of one text as Go prints it.</summary>
    private sealed record GoStrings(string Item)
    {
        public override string ToString() => $"[]string{{{JsonTree.Quote(Item)}}}";
    }
}
