using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Tables;

/// <summary>The cells of events, in either group's form.</summary>
internal static class EventCells
{
    public static readonly Column[] Columns =
    [
        new("Last Seen", LastSeen),
        new("Type", static (e, _) => e.Text("type") ?? ""),
        new("Reason", static (e, _) => e.Text("reason") ?? ""),
        new("Object", Object),
        new("Subobject", static (e, _) => Involved(e).Text("fieldPath") ?? "", Priority: 1),
        new("Source", Source, Priority: 1),
        new("Message", static (e, _) => (e.Text("message") ?? e.Text("note") ?? "").Trim()),
        new("First Seen", FirstSeen, Priority: 1),
        new("Count", static (e, _) => e.Map("series")?.Number("count") ?? e.Number("count") ?? e.Number("deprecatedCount") ?? 1, "string", Priority: 1),
        new("Name", Cells.Name, Format: "name", Priority: 1),
    ];

    private static JsonMap Involved(JsonMap e) => e.Map("involvedObject") ?? e.Map("regarding") ?? [];

    private static string Object(JsonMap e, RowContext context)
    {
        _ = context;
        var involved = Involved(e);
        var kind = involved.Text("kind") ?? "";
        return kind.Length == 0 ? "" : $"{kind.ToLowerInvariant()}/{involved.Text("name")}";
    }

    private static string Source(JsonMap e, RowContext context)
    {
        _ = context;
        var source = e.Map("source") ?? e.Map("deprecatedSource") ?? [];
        var component = source.Text("component") ?? e.Text("reportingComponent") ?? e.Text("reportingController") ?? "";
        var host = source.Text("host") ?? "";
        return host.Length == 0 ? component : $"{component}, {host}";
    }

    private static string FirstSeen(JsonMap e, RowContext context) => Cells.Since(First(e), context);

    private static string LastSeen(JsonMap e, RowContext context)
        => Cells.Since(e.Map("series")?.Text("lastObservedTime") ?? e.Text("lastTimestamp") ?? e.Text("deprecatedLastTimestamp") ?? First(e), context);

    private static string? First(JsonMap e)
        => e.Text("firstTimestamp") ?? e.Text("deprecatedFirstTimestamp") ?? e.Text("eventTime") ?? e.Map("metadata")?.Text("creationTimestamp");
}
