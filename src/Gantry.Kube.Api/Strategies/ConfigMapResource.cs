using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

/// <summary>ConfigMaps.</summary>
internal sealed class ConfigMapResource : ResourceStrategy
{
    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var size = 0L;
        foreach (var field in (string[])["data", "binaryData"])
        {
            foreach (var (key, value) in obj.Map(field) ?? [])
            {
                size += value is string text ? text.Length : 0;
                PodRules.CheckName(key, $"{field}[{key}]", Names.ConfigKey, errors);
                if (field == "binaryData" && obj.Map("data")?.ContainsKey(key) == true)
                {
                    errors.Invalid($"data[{key}]", key, "duplicate of key present in binaryData");
                }
            }
        }

        if (size > SecretResource.MaxBytes)
        {
            errors.TooLong("", SecretResource.MaxBytes);
        }
    }

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors) => CheckImmutable(obj, old, errors, "data", "binaryData");

    internal static void CheckImmutable(JsonMap obj, JsonMap old, FieldErrors errors, params ReadOnlySpan<string> fields)
    {
        if (!old.Flag("immutable"))
        {
            return;
        }

        if (!obj.Flag("immutable"))
        {
            errors.Forbidden("immutable", "field is immutable when `immutable` is set");
        }

        foreach (var field in fields)
        {
            if (!JsonTree.Same(obj.GetValueOrDefault(field), old.GetValueOrDefault(field)))
            {
                errors.Forbidden(field, "field is immutable when `immutable` is set");
            }
        }
    }
}
