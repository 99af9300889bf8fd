using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Tables;

/// <summary>The cells that kinds with a pod template share.</summary>
internal static class WorkloadCells
{
    public static string Containers(JsonMap obj, RowContext context)
    {
        _ = context;
        return Each(obj, "name");
    }

    public static string Images(JsonMap obj, RowContext context)
    {
        _ = context;
        return Each(obj, "image");
    }

    public static string Selector(JsonMap obj, RowContext context)
    {
        _ = context;
        return Cells.Selector(obj.Map("spec")?.Map("selector"));
    }

    private static string Each(JsonMap obj, string field)
        => string.Join(',', (obj.At("spec", "template", "spec") as JsonMap ?? []).Maps("containers").Select(c => c.Text(field)));
}
