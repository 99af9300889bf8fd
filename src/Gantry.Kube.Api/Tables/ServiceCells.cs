using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Tables;

/// <summary>The cells of services and endpoints.</summary>
internal static class ServiceCells
{
    /// <summary>Upstream shows three endpoints, then how many more there are.</summary>
    private const int Shown = 3;

    public static string ExternalAddress(JsonMap service, RowContext context)
    {
        _ = context;
        var spec = service.Map("spec") ?? [];
        var external = (spec.List("externalIPs") ?? []).OfType<string>().ToList();
        switch (spec.Text("type"))
        {
            case "ExternalName": return Cells.OrNone(spec.Text("externalName"));
            case "LoadBalancer":
                var ingress = (service.At("status", "loadBalancer") as JsonMap ?? []).Maps("ingress").Select(static i => i.Text("ip") ?? i.Text("hostname") ?? "").Concat(external).ToList();
                return ingress.Count > 0 ? string.Join(',', ingress) : "<pending>";
            default: return external.Count > 0 ? string.Join(',', external) : Cells.None;
        }
    }

    public static string Ports(JsonMap service, RowContext context)
    {
        _ = context;
        return Cells.Join((service.Map("spec") ?? []).Maps("ports").Select(static p =>
            p.Number("nodePort") is > 0 and var node ? $"{p.Number("port")}:{node}/{p.Text("protocol")}" : $"{p.Number("port")}/{p.Text("protocol")}"));
    }

    public static string Endpoints(JsonMap endpoints, RowContext context)
    {
        _ = context;
        var all = endpoints.Maps("subsets").SelectMany(static s =>
        {
            var ports = s.Maps("ports").ToList();
            return s.Maps("addresses").SelectMany(a => ports.Count == 0 ? [a.Text("ip") ?? ""] : ports.Select(p => $"{a.Text("ip")}:{p.Number("port")}"));
        }).ToList();
        return More(all);
    }

    public static string SlicePorts(JsonMap slice, RowContext context)
    {
        _ = context;
        return slice.List("ports") is not { Count: > 0 } ? "<unset>" : More([.. slice.Maps("ports").Select(static p => p.Number("port") is { } n ? Cells.Number(n) : p.Text("name") ?? "*")]);
    }

    public static string SliceEndpoints(JsonMap slice, RowContext context)
    {
        _ = context;
        var all = slice.Maps("endpoints").SelectMany(static e => (e.List("addresses") ?? []).OfType<string>()).ToList();
        return all.Count == 0 ? "<unset>" : More(all);
    }

    private static string More(List<string> all)
        => all.Count > Shown ? $"{string.Join(',', all.Take(Shown))} + {Cells.Number(all.Count - Shown)} more..." : Cells.OrNone(string.Join(',', all));
}
