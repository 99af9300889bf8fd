using System.Linq;

namespace Gantry.Schema;

/// <summary>Writes ReadJson and WriteJson of a type.</summary>
internal static class JsonCodecWriter
{
    public static void WriteReader(CodeWriter code, SchemaType type)
    {
        code.Line("/// <summary>Reads an object; the reader stands on its StartObject token. Unknown fields are skipped.</summary>");
        code.Open($"public static {type.Name} ReadJson(ref Utf8JsonReader reader)");
        code.Line($"var o = new {type.Name}();");
        code.Line("KubeJsonReader.ExpectObject(ref reader);");
        code.Open("while (KubeJsonReader.NextField(ref reader))");
        if (type.Fields.Count > 0)
        {
            // The length of a name leaves one or two candidates.
            code.Open("switch (KubeJsonReader.NameLength(ref reader))");
            foreach (var group in type.Fields.GroupBy(f => f.Name.Length).OrderBy(g => g.Key))
            {
                code.Line($"case {group.Key}:");
                foreach (var field in group)
                {
                    WriteFieldReader(code, type, field);
                }

                code.Line("    break;");
            }

            code.Close();
        }

        code.Line("KubeJsonReader.SkipField(ref reader);");
        code.Close();
        code.Line("return o;");
        code.Close();
    }

    private static void WriteFieldReader(CodeWriter code, SchemaType type, SchemaField field)
    {
        var name = ClassNames.Property(type, field);
        var read = Read(field.Type) + (ClassNames.NeverNull(type, field) ? $" ?? o.{name}" : "");
        code.Line($"    if (reader.ValueTextEquals(\"{field.Name}\"u8)) {{ reader.Read(); o.{name} = {read}; continue; }}");
    }

    public static void WriteWriter(CodeWriter code, SchemaType type)
    {
        code.Line("/// <summary>Writes the object as JSON; kinds with apiVersion and kind.</summary>");
        code.Open("public void WriteJson(Utf8JsonWriter writer)");
        code.Line("writer.WriteStartObject();");
        if (type.IsKind)
        {
            code.Line($"writer.WriteString(\"apiVersion\"u8, \"{type.Table.ApiVersion}\"u8);");
            code.Line($"writer.WriteString(\"kind\"u8, \"{type.Name}\"u8);");
        }

        foreach (var field in type.Fields)
        {
            var always = field.Required || ClassNames.IsObjectMeta(type, field) ? "Always" : "";
            code.Line(Write(field, ClassNames.Property(type, field), always));
        }

        code.Line("writer.WriteEndObject();");
        code.Close();
    }

    private static string Read(FieldType type) => type.Kind switch
    {
        FieldKind.Object => $"KubeJsonReader.Object<{ClassNames.Value(type)}>(ref reader)",
        FieldKind.List when type.Element!.Kind is FieldKind.Object => $"KubeJsonReader.Objects<{ClassNames.Value(type.Element)}>(ref reader)",
        FieldKind.List => $"KubeJsonReader.{type.Element!.Kind}List(ref reader)",
        FieldKind.Map when type.Element!.Kind is FieldKind.Object => $"KubeJsonReader.ObjectMap<{ClassNames.Value(type.Element)}>(ref reader)",
        FieldKind.Map when type.Element!.Kind is FieldKind.List => $"KubeJsonReader.{type.Element.Element!.Kind}ListMap(ref reader)",
        FieldKind.Map => $"KubeJsonReader.{type.Element!.Kind}Map(ref reader)",
        FieldKind.Fields => "KubeJsonReader.Any(ref reader)",
        FieldKind.MicroTime => "KubeJsonReader.Time(ref reader)",
        _ => $"KubeJsonReader.{type.Kind}(ref reader)",
    };

    private static string Write(SchemaField field, string property, string always)
    {
        var type = field.Type;
        var name = $"\"{field.Name}\"u8";
        return type.Kind switch
        {
            FieldKind.Object or FieldKind.List or FieldKind.Map => $"KubeJsonWriter.{type.Kind}{always}(writer, {name}, {property});",
            FieldKind.Time or FieldKind.MicroTime => $"KubeJsonWriter.{type.Kind}{always}(writer, {name}, {property});",
            FieldKind.Fields => $"KubeJsonWriter.Any(writer, {name}, {property});",
            _ => $"KubeJsonWriter.{type.Kind}(writer, {name}, {property});",
        };
    }
}
