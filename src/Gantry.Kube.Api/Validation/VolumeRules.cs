using Gantry.Kube.Api.Json;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Api.Validation;

/// <summary>What holds for the volumes of a pod.</summary>
internal static class VolumeRules
{
    /// <summary>Checks the volumes and returns their names.</summary>
    public static IReadOnlySet<string> Validate(List<Volume> volumes, string at, FieldErrors errors)
    {
        var names = new HashSet<string>();
        for (var i = 0; i < volumes.Count; i++)
        {
            var volume = volumes[i];
            var field = PodRules.Index(at, i);
            if (volume.Name.Length == 0)
            {
                errors.Required(field + ".name");
            }
            else
            {
                PodRules.CheckName(volume.Name, field + ".name", Names.DnsLabel, errors);
                if (!names.Add(volume.Name))
                {
                    errors.Duplicate(field + ".name", volume.Name);
                }
            }

            CheckSource(volume, field, errors);
        }

        return names;
    }

    /// <summary>A path inside a volume: relative, and not climbing out.</summary>
    public static void CheckRelative(string? path, string field, FieldErrors errors)
    {
        if (string.IsNullOrEmpty(path))
        {
            return;
        }

        if (path.StartsWith('/'))
        {
            errors.Invalid(field, path, "must be a relative path");
        }

        if (path.Split('/').Contains(".."))
        {
            errors.Invalid(field, path, "must not contain '..'");
        }
    }

    private static void CheckSource(Volume volume, string at, FieldErrors errors)
    {
        var tree = CountSources(volume);
        if (tree == 0)
        {
            errors.Required(at, "must specify a volume type");
        }
        else if (tree > 1)
        {
            errors.Forbidden(at, "may not specify more than 1 volume type");
        }

        if (volume.HostPath is { Path.Length: 0 })
        {
            errors.Required(at + ".hostPath.path");
        }

        if (volume.Secret is { } secret && string.IsNullOrEmpty(secret.SecretName))
        {
            errors.Required(at + ".secret.secretName");
        }

        if (volume.ConfigMap is { } configMap && string.IsNullOrEmpty(configMap.Name))
        {
            errors.Required(at + ".configMap.name");
        }

        CheckItems(volume.Secret?.Items, at + ".secret.items", errors);
        CheckItems(volume.ConfigMap?.Items, at + ".configMap.items", errors);
        CheckMode(volume.Secret?.DefaultMode, at + ".secret.defaultMode", errors);
        CheckMode(volume.ConfigMap?.DefaultMode, at + ".configMap.defaultMode", errors);
        if (volume.EmptyDir?.SizeLimit is { Sign: < 0 } limit)
        {
            errors.Forbidden(at + ".emptyDir.sizeLimit", $"SizeLimit field must be a valid resource quantity, not {limit}");
        }
    }

    private static int CountSources(Volume volume) => TypedFields(volume).Count;

    private static List<string> TypedFields(Volume volume)
    {
        using var stream = new MemoryStream();
        using (var writer = new System.Text.Json.Utf8JsonWriter(stream))
        {
            volume.WriteJson(writer);
        }

        return [.. JsonTree.ParseMap(stream.ToArray()).Keys.Where(static k => k != "name")];
    }

    private static void CheckItems(List<KeyToPath>? items, string at, FieldErrors errors)
    {
        for (var i = 0; i < items?.Count; i++)
        {
            var field = PodRules.Index(at, i);
            if (items[i].Key.Length == 0)
            {
                errors.Required(field + ".key");
            }

            if (items[i].Path.Length == 0)
            {
                errors.Required(field + ".path");
            }

            CheckRelative(items[i].Path, field + ".path", errors);
            CheckMode(items[i].Mode, field + ".mode", errors);
        }
    }

    private static void CheckMode(int? mode, string field, FieldErrors errors)
    {
        if (mode is < 0 or > 511)
        {
            errors.Invalid(field, mode, "must be a number between 0 and 0777 (octal), both inclusive");
        }
    }
}
