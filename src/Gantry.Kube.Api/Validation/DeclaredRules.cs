using System.Globalization;
using Gantry.Kube.Api.Json;
using Gantry.Schema;

namespace Gantry.Kube.Api.Validation;

/// <summary>The validation that the table declares: enumerations, and the keys of lists of kind map and set.</summary>
internal static class DeclaredRules
{
    public static void Validate(JsonMap obj, SchemaType type, FieldErrors errors) => Object(obj, type, "", errors);

    private static void Object(JsonMap obj, SchemaType type, string path, FieldErrors errors)
    {
        foreach (var (key, value) in obj)
        {
            if (type.Find(key) is not { } field || key is "metadata" or "status")
            {
                continue;
            }

            var at = path.Length == 0 ? key : path + "." + key;
            if (field.Enum is not null && value is string text && !field.Enum.Contains(text))
            {
                errors.NotSupported(at, text, field.Enum);
            }

            Descend(value, field.Type, at, errors);
        }
    }

    private static void Descend(object? value, FieldType type, string at, FieldErrors errors)
    {
        if (value is JsonMap map && type.Kind == FieldKind.Object)
        {
            Object(map, type.Target!, at, errors);
        }
        else if (value is List<object?> list && type.Element is { Kind: FieldKind.Object } element)
        {
            for (var i = 0; i < list.Count; i++)
            {
                Descend(list[i], element, string.Create(CultureInfo.InvariantCulture, $"{at}[{i}]"), errors);
            }
        }
    }
}
