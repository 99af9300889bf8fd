using System.Linq;

namespace Gantry.Schema;

/// <summary>Writes one type as a class with its JSON codec and its deep copy.</summary>
internal static class ClassWriter
{
    public static void Write(CodeWriter code, SchemaType type)
    {
        var isObject = type.Fields.Any(f => ClassNames.IsObjectMeta(type, f));
        var interfaces = "global::Gantry.Kube.Model.IKubeType<" + type.Name + ">";
        if (isObject)
        {
            interfaces += ", global::Gantry.Kube.Model.IKubeObject<" + type.Name + ">";
        }

        code.Line("");
        if (type.About.Length > 0)
        {
            code.Line($"/// <summary>{type.About}</summary>");
        }

        code.Open($"public sealed partial class {type.Name} : {interfaces}");
        if (type.IsKind)
        {
            var t = type.Table;
            code.Line("/// <summary>Group, version, kind and plural of this type.</summary>");
            code.Line($"public static global::Gantry.Kube.Model.ResourceInfo ResourceType {{ get; }} = new(\"{t.Group}\", \"{t.Version}\", \"{type.Name}\", \"{type.Plural}\", {(type.Namespaced ? "true" : "false")});");
        }

        if (isObject)
        {
            code.Line("global::Gantry.Kube.Model.ResourceInfo global::Gantry.Kube.Model.IKubeObject.Resource => ResourceType;");
        }

        foreach (var field in type.Fields)
        {
            code.Line(Property(type, field));
        }

        JsonCodecWriter.WriteReader(code, type);
        JsonCodecWriter.WriteWriter(code, type);
        WriteClone(code, type);
        code.Close();
    }

    private static string Property(SchemaType type, SchemaField field)
    {
        var value = ClassNames.Value(field.Type);
        var name = ClassNames.Property(type, field);
        if (!ClassNames.NeverNull(type, field))
        {
            return $"public {value}? {name} {{ get; set; }}";
        }

        var initial = field.Type.Kind switch
        {
            FieldKind.String => " = \"\";",
            FieldKind.Bytes or FieldKind.List => " = [];",
            FieldKind.Map or FieldKind.Object => " = new();",
            _ => "",
        };
        return $"public {value} {name} {{ get; set; }}{initial}";
    }

    private static void WriteClone(CodeWriter code, SchemaType type)
    {
        code.Line("/// <summary>A copy that shares nothing mutable with this object.</summary>");
        code.Open($"public {type.Name} DeepClone() => new()");
        foreach (var field in type.Fields)
        {
            var name = ClassNames.Property(type, field);
            code.Line($"{name} = {CloneOf(field.Type, name, ClassNames.NeverNull(type, field))},");
        }

        code.Close(";");
    }

    private static string CloneOf(FieldType type, string name, bool neverNull)
    {
        var ask = neverNull ? "" : "?";
        var bang = neverNull ? "!" : "";
        return type.Kind switch
        {
            FieldKind.Object => $"{name}{ask}.DeepClone()",
            FieldKind.List when type.Element!.Kind is FieldKind.Object => $"KubeCopy.Objects({name}){bang}",
            FieldKind.List => $"KubeCopy.Values({name}){bang}",
            FieldKind.Map when type.Element!.Kind is FieldKind.Object => $"KubeCopy.ObjectMap({name}){bang}",
            FieldKind.Map when type.Element!.Kind is FieldKind.List => $"KubeCopy.ListMap({name}){bang}",
            FieldKind.Map => $"KubeCopy.ValueMap({name}){bang}",
            _ => name,
        };
    }
}
