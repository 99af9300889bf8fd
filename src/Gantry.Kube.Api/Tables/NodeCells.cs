using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Tables;

/// <summary>The cells of nodes.</summary>
internal static class NodeCells
{
    private const string RolePrefix = "node-role.kubernetes.io/";

    public static string Status(JsonMap node, RowContext context)
    {
        _ = context;
        var ready = (node.Map("status") ?? []).Maps("conditions").FirstOrDefault(static c => c.Text("type") == "Ready");
        var text = ready is null ? "Unknown" : ready.Text("status") == "True" ? "Ready" : "NotReady";
        return node.Map("spec")?.Flag("unschedulable") == true ? text + ",SchedulingDisabled" : text;
    }

    public static string Roles(JsonMap node, RowContext context)
    {
        _ = context;
        var roles = (node.At("metadata", "labels") as JsonMap ?? [])
            .Select(static p => p.Key.StartsWith(RolePrefix, StringComparison.Ordinal) ? p.Key[RolePrefix.Length..] : p.Key == "kubernetes.io/role" ? p.Value as string : null)
            .Where(static r => !string.IsNullOrEmpty(r)).Order(StringComparer.Ordinal);
        return Cells.Join(roles);
    }

    public static Func<JsonMap, RowContext, object?> Info(string field) => (node, _) => Field(node, field) ?? "";

    public static Func<JsonMap, RowContext, object?> InfoOrUnknown(string field) => (node, _) => Field(node, field) is { Length: > 0 } text ? text : "<unknown>";

    public static Func<JsonMap, RowContext, object?> Address(string type)
        => (node, _) => Cells.OrNone((node.Map("status") ?? []).Maps("addresses").FirstOrDefault(a => a.Text("type") == type)?.Text("address"));

    private static string? Field(JsonMap node, string field) => node.At("status", "nodeInfo", field) as string;
}
