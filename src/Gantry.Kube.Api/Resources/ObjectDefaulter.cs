using System.Collections.Concurrent;
using System.Text;
using Gantry.Kube.Api.Json;
using Gantry.Schema;

namespace Gantry.Kube.Api.Resources;

/// <summary>Sets the defaults that the table declares.</summary>
internal static class ObjectDefaulter
{
    private static readonly ConcurrentDictionary<SchemaType, SchemaField[]> Relevant = new();

    /// <summary>Sets absent fields in place, also in objects that lists and maps hold.</summary>
    public static void Apply(JsonMap obj, SchemaType type)
    {
        foreach (var field in RelevantFields(type))
        {
            if (!obj.TryGetValue(field.Name, out var value) && field.Default is not null)
            {
                obj[field.Name] = value = JsonTree.Parse(Encoding.UTF8.GetBytes(field.Default));
            }

            Descend(value, field.Type);
        }
    }

    private static void Descend(object? value, FieldType type)
    {
        switch (value)
        {
            case JsonMap map when type.Kind == FieldKind.Object:
                Apply(map, type.Target!);
                break;
            case List<object?> list when type.Kind == FieldKind.List && type.Element!.Kind == FieldKind.Object:
                foreach (var item in list)
                {
                    Descend(item, type.Element);
                }

                break;
            default: break;
        }
    }

    /// <summary>The fields that have a default or lead to one.</summary>
    private static SchemaField[] RelevantFields(SchemaType type)
        => Relevant.TryGetValue(type, out var known) ? known : Relevant[type] = [.. type.Fields.Where(f => Leads(f, []))];

    private static bool Leads(SchemaField field, HashSet<SchemaType> seen)
    {
        if (field.Default is not null)
        {
            return true;
        }

        var target = field.Type.Target ?? field.Type.Element?.Target;
        return target is not null && seen.Add(target) && target.Fields.Any(f => Leads(f, seen));
    }
}
