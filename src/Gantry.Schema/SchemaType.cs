using System.Collections.Generic;

namespace Gantry.Schema;

/// <summary>An object type; a kind when <see cref="IsKind"/>, and a resource when it also has a plural.</summary>
public sealed class SchemaType
{
    private Dictionary<string, SchemaField>? _byName;

    /// <summary>Makes a type of a table.</summary>
    public SchemaType(SchemaTable table, string name)
    {
        Table = table;
        Name = name;
    }

    /// <summary>The table that the type stands in.</summary>
    public SchemaTable Table { get; }

    /// <summary>The name, as <c>PodSpec</c>.</summary>
    public string Name { get; }

    /// <summary>The name with its table, as <c>core/v1.PodSpec</c>.</summary>
    public string QualifiedName => Table.Alias + "." + Name;

    /// <summary>Whether objects of the type carry apiVersion and kind.</summary>
    public bool IsKind { get; set; }

    /// <summary>The path segment of a resource; empty for a kind that is no resource.</summary>
    public string Plural { get; set; } = "";

    /// <summary>Whether objects live in namespaces.</summary>
    public bool Namespaced { get; set; }

    /// <summary>Short names for kubectl.</summary>
    public string[] ShortNames { get; set; } = [];

    /// <summary>Categories such as <c>all</c>.</summary>
    public string[] Categories { get; set; } = [];

    /// <summary>The verbs that are served.</summary>
    public string[] Verbs { get; set; } = [];

    /// <summary>The subresources that are served.</summary>
    public string[] Subresources { get; set; } = [];

    /// <summary>One or two sentences for <c>kubectl explain</c>; empty when there is nothing to say.</summary>
    public string About { get; set; } = "";

    /// <summary>Whether server-side apply treats objects of the type as one value.</summary>
    public bool Atomic { get; set; }

    /// <summary>The fields in the order of their protobuf numbers.</summary>
    public List<SchemaField> Fields { get; } = new();

    /// <summary>The field of a name, or null.</summary>
    public SchemaField? Find(string name)
    {
        var map = _byName;
        if (map is null)
        {
            map = new Dictionary<string, SchemaField>(Fields.Count);
            foreach (var field in Fields)
            {
                map[field.Name] = field;
            }

            _byName = map;
        }

        return map.TryGetValue(name, out var found) ? found : null;
    }
}
