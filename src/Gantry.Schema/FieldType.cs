namespace Gantry.Schema;

/// <summary>A field's type: its kind, the element's type of a list or map, and the type's name of an object.</summary>
public sealed class FieldType
{
    /// <summary>Makes a type; <paramref name="typeName"/> is qualified by its table: <c>core/v1.PodSpec</c>.</summary>
    public FieldType(FieldKind kind, FieldType? element = null, string? typeName = null)
    {
        Kind = kind;
        Element = element;
        TypeName = typeName;
    }

    /// <summary>The shape.</summary>
    public FieldKind Kind { get; }

    /// <summary>What a list or map holds; null for other kinds.</summary>
    public FieldType? Element { get; }

    /// <summary>The qualified name of an object's type, as <c>core/v1.PodSpec</c>; null for other kinds.</summary>
    public string? TypeName { get; }

    /// <summary>The type itself of an object, or null: set when all tables are known.</summary>
    public SchemaType? Target { get; set; }
}
