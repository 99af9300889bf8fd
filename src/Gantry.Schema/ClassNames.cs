namespace Gantry.Schema;

/// <summary>The C# names of tables, types and fields.</summary>
internal static class ClassNames
{
    public static string Namespace(SchemaTable table)
    {
        var slash = table.Alias.IndexOf('/');
        return "Gantry.Kube.Model." + Upper(table.Alias.Substring(0, slash)) + "." + Upper(table.Alias.Substring(slash + 1));
    }

    public static string Qualified(SchemaType type) => "global::" + Namespace(type.Table) + "." + type.Name;

    /// <summary>A property may not have its class's name: then it gets the suffix Value.</summary>
    public static string Property(SchemaType type, SchemaField field)
    {
        var name = Upper(field.Name.TrimStart('$'));
        return name == type.Name ? name + "Value" : name;
    }

    /// <summary>The type of a value that is there.</summary>
    public static string Value(FieldType type) => type.Kind switch
    {
        FieldKind.String => "string",
        FieldKind.Int32 => "int",
        FieldKind.Int64 => "long",
        FieldKind.Bool => "bool",
        FieldKind.Double => "double",
        FieldKind.Bytes => "byte[]",
        FieldKind.Time or FieldKind.MicroTime => "DateTimeOffset",
        FieldKind.Quantity => "global::Gantry.Kube.Model.Quantity",
        FieldKind.IntOrString => "global::Gantry.Kube.Model.IntOrString",
        FieldKind.Any or FieldKind.Fields => "JsonElement",
        FieldKind.List => $"List<{Value(type.Element!)}>",
        FieldKind.Map => $"Dictionary<string, {Value(type.Element!)}>",
        _ => Qualified(type.Target!),
    };

    public static bool IsValueType(FieldType type) => type.Kind is not (FieldKind.String or FieldKind.Bytes or FieldKind.List or FieldKind.Map or FieldKind.Object);

    /// <summary>
    /// Whether the property cannot be null: required values (but times, which the API writes as null when unset), and the
    /// metadata of kinds.
    /// </summary>
    public static bool NeverNull(SchemaType type, SchemaField field)
        => (field.Required && field.Type.Kind is not (FieldKind.Time or FieldKind.MicroTime or FieldKind.Any or FieldKind.Fields))
            || IsObjectMeta(type, field);

    public static bool IsObjectMeta(SchemaType type, SchemaField field)
        => type.IsKind && field.Name == "metadata" && field.Type.TypeName == "meta/v1.ObjectMeta";

    private static string Upper(string name) => char.ToUpperInvariant(name[0]) + name.Substring(1);
}
