using System.Text;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Secrets: stringData is written into data.</summary>
internal sealed class SecretResource : ResourceStrategy
{
    /// <summary>Upstream's MaxSecretSize.</summary>
    public const int MaxBytes = 1024 * 1024;

    public override string[] SelectablePaths { get; } = ["type"];

    public override void ApplyDefaults(JsonMap obj)
    {
        if (obj.Map("stringData") is not { } text)
        {
            return;
        }

        var data = obj.MapOrNew("data");
        foreach (var (key, value) in text)
        {
            data[key] = Convert.ToBase64String(Encoding.UTF8.GetBytes(value as string ?? ""));
        }

        obj.Remove("stringData");
    }

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var data = obj.Map("data") ?? [];
        var size = 0L;
        foreach (var (key, value) in data)
        {
            size += value is string text ? text.Length * 3L / 4 : 0;
            PodRules.CheckName(key, $"data[{key}]", Names.ConfigKey, errors);
        }

        if (size > MaxBytes)
        {
            errors.TooLong("data", MaxBytes);
        }

        var needed = obj.Text("type") switch
        {
            "kubernetes.io/dockercfg" => (string[])[".dockercfg"],
            "kubernetes.io/dockerconfigjson" => [".dockerconfigjson"],
            "kubernetes.io/ssh-auth" => ["ssh-privatekey"],
            "kubernetes.io/tls" => ["tls.crt", "tls.key"],
            _ => [],
        };
        foreach (var key in needed.Where(k => !data.ContainsKey(k)))
        {
            errors.Required($"data[{key}]");
        }

        if (obj.Text("type") == "kubernetes.io/basic-auth" && !data.ContainsKey("username") && !data.ContainsKey("password"))
        {
            errors.Required("data[username]");
            errors.Required("data[password]");
        }

        if (obj.Text("type") == "kubernetes.io/service-account-token" && string.IsNullOrEmpty(obj.At("metadata", "annotations", "kubernetes.io/service-account.name") as string))
        {
            errors.Required("metadata.annotations[kubernetes.io/service-account.name]");
        }
    }

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
    {
        if (obj.Text("type") != old.Text("type"))
        {
            errors.Invalid("type", obj.Text("type"), "field is immutable");
        }

        ConfigMapResource.CheckImmutable(obj, old, errors, "data");
    }
}
