using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.Tables;

/// <summary>Renders objects as meta.k8s.io/v1 Table.</summary>
internal static class TableRenderer
{
    /// <summary>A table of objects; <paramref name="includeObject"/> is None, Metadata or Object.</summary>
    public static JsonMap Render(ResourceType resource, IEnumerable<JsonMap> objects, string? includeObject, DateTimeOffset now, bool withColumns = true)
    {
        var columns = TableColumns.For(resource);
        var context = new RowContext(now);
        var table = new JsonMap { ["kind"] = "Table", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = new JsonMap() };
        table["columnDefinitions"] = withColumns ? columns.Select(Definition).ToList<object?>() : null;
        table["rows"] = objects.Select(obj => (object?)Row(resource, obj, columns, context, includeObject)).ToList();
        return table;
    }

    /// <summary>An object's metadata as meta.k8s.io/v1 PartialObjectMetadata.</summary>
    public static JsonMap Metadata(JsonMap obj)
        => new() { ["kind"] = "PartialObjectMetadata", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = obj.Map("metadata") };

    private static JsonMap Definition(Column column) => new()
    {
        ["name"] = column.Name,
        ["type"] = column.Type,
        ["format"] = column.Format,
        ["description"] = "",
        ["priority"] = (long)column.Priority,
    };

    private static JsonMap Row(ResourceType resource, JsonMap obj, IReadOnlyList<Column> columns, RowContext context, string? includeObject)
    {
        var row = new JsonMap { ["cells"] = columns.Select(c => c.Cell(obj, context)).ToList() };
        obj["kind"] = resource.Kind;
        obj["apiVersion"] = resource.ApiVersion;
        row["object"] = includeObject switch { "None" => null, "Object" => obj, _ => Metadata(obj) };
        if (includeObject == "None")
        {
            row.Remove("object");
        }

        return row;
    }
}
