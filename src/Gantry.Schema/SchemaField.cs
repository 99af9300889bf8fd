using System.Collections.Generic;

namespace Gantry.Schema;

/// <summary>One field of a type.</summary>
public sealed class SchemaField
{
    /// <summary>Makes a field.</summary>
    public SchemaField(string name, FieldType type, int[] number)
    {
        Name = name;
        Type = type;
        Number = number;
    }

    /// <summary>The name in JSON.</summary>
    public string Name { get; }

    /// <summary>The type.</summary>
    public FieldType Type { get; }

    /// <summary>
    /// The protobuf field number. More than one number is a path: the field is inlined in JSON, but in protobuf it is a
    /// field of an embedded message.
    /// </summary>
    public int[] Number { get; }

    /// <summary>Whether the API documents the field as required; such a field is always written.</summary>
    public bool Required { get; set; }

    /// <summary>The declared default as JSON text, or null.</summary>
    public string? Default { get; set; }

    /// <summary>The values that are allowed, in the API's order, or null.</summary>
    public string[]? Enum { get; set; }

    /// <summary>How server-side apply treats the list; atomic where nothing is declared.</summary>
    public ListKind List { get; set; }

    /// <summary>The keys of a list of kind Map.</summary>
    public IReadOnlyList<string> ListKeys { get; set; } = new string[0];

    /// <summary>Whether server-side apply treats the object or map as one value.</summary>
    public bool AtomicMap { get; set; }

    /// <summary>Whether strategic merge patch merges the list's items instead of replacing the list.</summary>
    public bool PatchMerge { get; set; }

    /// <summary>Whether strategic merge patch honours $retainKeys here.</summary>
    public bool PatchRetainKeys { get; set; }

    /// <summary>The key by which strategic merge patch matches items; null for a list of scalars.</summary>
    public string? PatchMergeKey { get; set; }
}
