using Gantry.Kube.Api.Json;
using Gantry.Schema;

namespace Gantry.Kube.Api.Discovery;

/// <summary>Collects the OpenAPI definitions of types and of what they refer to.</summary>
internal sealed class OpenApiSchemas(string referencePrefix)
{
    private const string Apimachinery = "io.k8s.apimachinery.pkg.";

    public JsonMap Definitions { get; } = [];

    /// <summary>As <c>io.k8s.api.core.v1.Pod</c>: the protobuf package with its first two names swapped.</summary>
    public static string NameOf(SchemaType type) => "io.k8s." + type.Table.ProtobufPackage["k8s.io.".Length..] + "." + type.Name;

    public JsonMap Reference(string name) => new() { ["$ref"] = referencePrefix + name };

    public void Add(SchemaType type)
    {
        var name = NameOf(type);
        if (Definitions.ContainsKey(name))
        {
            return;
        }

        var definition = new JsonMap { ["description"] = type.About, ["type"] = "object" };
        Definitions[name] = definition;
        var properties = new JsonMap();
        if (type.IsKind)
        {
            properties["apiVersion"] = new JsonMap { ["description"] = "The group and version of the object.", ["type"] = "string" };
            properties["kind"] = new JsonMap { ["description"] = "The kind of the object.", ["type"] = "string" };
            definition["x-kubernetes-group-version-kind"] = new List<object?>
            {
                new JsonMap { ["group"] = type.Name is "DeleteOptions" or "Status" ? "" : type.Table.Group, ["kind"] = type.Name, ["version"] = type.Table.Version },
            };
        }

        foreach (var field in type.Fields)
        {
            properties[field.Name] = Property(field);
        }

        definition["properties"] = properties;
        var required = type.Fields.Where(static f => f.Required).Select(static f => (object?)f.Name).ToList();
        if (required.Count > 0)
        {
            definition["required"] = required;
        }

        if (type.Atomic)
        {
            definition["x-kubernetes-map-type"] = "atomic";
        }
    }

    public void AddList(SchemaType type)
    {
        Definitions[NameOf(type) + "List"] = new JsonMap
        {
            ["description"] = $"A list of {type.Name} objects.",
            ["type"] = "object",
            ["required"] = new List<object?> { "items" },
            ["properties"] = new JsonMap
            {
                ["apiVersion"] = new JsonMap { ["type"] = "string" },
                ["kind"] = new JsonMap { ["type"] = "string" },
                ["metadata"] = Reference(ListMeta()),
                ["items"] = new JsonMap { ["type"] = "array", ["items"] = Reference(NameOf(type)) },
            },
            ["x-kubernetes-group-version-kind"] = new List<object?> { new JsonMap { ["group"] = type.Table.Group, ["kind"] = type.Name + "List", ["version"] = type.Table.Version } },
        };
    }

    private string ListMeta()
    {
        var type = Model.Schemas.SchemaCatalog.BuiltIn.Get("meta/v1.ListMeta");
        Add(type);
        return NameOf(type);
    }

    private JsonMap Property(SchemaField field)
    {
        var property = Shape(field.Type);
        if (field.Default is not null)
        {
            property["default"] = JsonTree.Parse(System.Text.Encoding.UTF8.GetBytes(field.Default));
        }

        if (field.Enum is not null)
        {
            property["enum"] = field.Enum.ToList<object?>();
        }

        if (field.Type.Kind == FieldKind.List)
        {
            AddListFacts(property, field);
        }

        if (field.AtomicMap)
        {
            property["x-kubernetes-map-type"] = "atomic";
        }

        var strategy = string.Join(',', ((string[])[field.PatchMerge ? "merge" : "", field.PatchRetainKeys ? "retainKeys" : ""]).Where(static s => s.Length > 0));
        if (strategy.Length > 0)
        {
            property["x-kubernetes-patch-strategy"] = strategy;
        }

        if (field.PatchMergeKey is not null)
        {
            property["x-kubernetes-patch-merge-key"] = field.PatchMergeKey;
        }

        return property;
    }

    private static void AddListFacts(JsonMap property, SchemaField field)
    {
        property["x-kubernetes-list-type"] = field.List switch { ListKind.Map => "map", ListKind.Set => "set", _ => "atomic" };
        if (field.List == ListKind.Map)
        {
            property["x-kubernetes-list-map-keys"] = field.ListKeys.ToList<object?>();
        }
    }

    private JsonMap Shape(FieldType type)
    {
        switch (type.Kind)
        {
            case FieldKind.Int32: return Scalar("integer", "int32");
            case FieldKind.Int64: return Scalar("integer", "int64");
            case FieldKind.Bool: return Scalar("boolean", null);
            case FieldKind.Double: return Scalar("number", "double");
            case FieldKind.Bytes: return Scalar("string", "byte");
            case FieldKind.String: return Scalar("string", null);
            case FieldKind.Time: return Named("apis.meta.v1.Time", "A time in RFC 3339.", Scalar("string", "date-time"));
            case FieldKind.MicroTime: return Named("apis.meta.v1.MicroTime", "A time in RFC 3339 with microseconds.", Scalar("string", "date-time"));
            case FieldKind.Quantity: return Named("api.resource.Quantity", "A number with an optional suffix, as 100m or 1.5Gi.", Scalar("string", null));
            case FieldKind.IntOrString: return Named("util.intstr.IntOrString", "An integer or text.", Scalar("string", "int-or-string"));
            case FieldKind.Fields: return Named("apis.meta.v1.FieldsV1", "A set of fields.", Scalar("object", null));
            case FieldKind.Any: return Named("runtime.RawExtension", "Any object.", Scalar("object", null));
            case FieldKind.List: return new JsonMap { ["type"] = "array", ["items"] = Shape(type.Element!) };
            case FieldKind.Map: return new JsonMap { ["type"] = "object", ["additionalProperties"] = Shape(type.Element!) };
            default:
                Add(type.Target!);
                return Reference(NameOf(type.Target!));
        }
    }

    private JsonMap Named(string name, string about, JsonMap definition)
    {
        if (!Definitions.ContainsKey(Apimachinery + name))
        {
            definition["description"] = about;
            Definitions[Apimachinery + name] = definition;
        }

        return Reference(Apimachinery + name);
    }

    private static JsonMap Scalar(string type, string? format)
    {
        var map = new JsonMap { ["type"] = type };
        if (format is not null)
        {
            map["format"] = format;
        }

        return map;
    }
}
