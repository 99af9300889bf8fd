using System.Security.Cryptography;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;
using Gantry.Kube.Model;

namespace Gantry.Kube.Api.Requests;

/// <summary>What holds for the metadata of every object.</summary>
internal static class ObjectMetaRules
{
    /// <summary>Upstream leaves out vowels and look-alikes, so that generated names spell nothing (apimachinery's rand).</summary>
    private const string SuffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>Upstream's limit for all annotations of an object together.</summary>
    private const int MaxAnnotationBytes = 256 * 1024;

    private static readonly string[] KeptOnUpdate = ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "namespace", "generateName"];

    public static string RandomSuffix(int length) => RandomNumberGenerator.GetString(SuffixAlphabet, length);

    /// <summary>Fills the metadata of a new object; the name may come from generateName.</summary>
    public static void FillNew(ResourceType resource, JsonMap metadata, string? ns, DateTimeOffset now, bool keepsIdentity = false)
    {
        var (uid, created) = keepsIdentity ? (metadata.Text("uid"), metadata.Text("creationTimestamp")) : (null, null);
        if (string.IsNullOrEmpty(metadata.Text("name")) && metadata.Text("generateName") is { Length: > 0 } prefix)
        {
            // 63 is the limit of a DNS label; upstream cuts the prefix so that five characters fit.
            metadata["name"] = prefix[..Math.Min(prefix.Length, 58)] + RandomSuffix(5);
        }

        foreach (var key in (string[])["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "selfLink", "generation"])
        {
            metadata.Remove(key);
        }

        if (resource.Namespaced)
        {
            metadata["namespace"] = ns;
        }
        else
        {
            metadata.Remove("namespace");
        }

        metadata["uid"] = uid ?? Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = created ?? KubeTime.Format(now);
        if (resource.Strategy.CountsGenerations)
        {
            metadata["generation"] = 1L;
        }
    }

    /// <summary>Restores what an update cannot change.</summary>
    public static void CarryOver(JsonMap metadata, JsonMap old)
    {
        foreach (var key in KeptOnUpdate)
        {
            if (old.TryGetValue(key, out var value))
            {
                metadata[key] = value;
            }
            else
            {
                metadata.Remove(key);
            }
        }

        metadata.Remove("selfLink");
    }

    public static void Validate(ResourceType resource, JsonMap metadata, FieldErrors errors)
    {
        var name = metadata.Text("name") ?? "";
        if (name.Length == 0)
        {
            errors.Required("metadata.name", "name or generateName is required");
        }
        else
        {
            foreach (var message in resource.Strategy.CheckName(name))
            {
                errors.Invalid("metadata.name", name, message);
            }
        }

        ValidateLabels(metadata.Map("labels"), "metadata.labels", errors);
        ValidateAnnotations(metadata.Map("annotations"), "metadata.annotations", errors);
        ValidateOwners(metadata, errors);
        foreach (var finalizer in metadata.List("finalizers") ?? [])
        {
            foreach (var message in Names.QualifiedName(finalizer as string ?? ""))
            {
                errors.Invalid("metadata.finalizers", finalizer, message);
            }
        }
    }

    public static void ValidateLabels(JsonMap? labels, string field, FieldErrors errors)
    {
        foreach (var (key, value) in labels ?? [])
        {
            foreach (var message in Names.QualifiedName(key))
            {
                errors.Invalid(field, key, message);
            }

            foreach (var message in Names.LabelValue(value as string ?? ""))
            {
                errors.Invalid(field, value, message);
            }
        }
    }

    public static void ValidateAnnotations(JsonMap? annotations, string field, FieldErrors errors)
    {
        var size = 0;
        foreach (var (key, value) in annotations ?? [])
        {
            size += key.Length + ((value as string)?.Length ?? 0);
            foreach (var message in Names.QualifiedName(key.ToLowerInvariant()))
            {
                errors.Invalid(field, key, message);
            }
        }

        if (size > MaxAnnotationBytes)
        {
            errors.TooLong(field, MaxAnnotationBytes);
        }
    }

    public static void ValidateUpdate(JsonMap metadata, JsonMap old, FieldErrors errors)
    {
        if (!Equals(metadata.Text("name"), old.Text("name")))
        {
            errors.Invalid("metadata.name", metadata.Text("name"), "field is immutable");
        }

        if (old.Text("deletionTimestamp") is null)
        {
            return;
        }

        var known = old.List("finalizers") ?? [];
        var added = (metadata.List("finalizers") ?? []).Where(f => !known.Contains(f)).ToList();
        if (added.Count > 0)
        {
            errors.Forbidden("metadata.finalizers", $"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{string.Join(", ", added.Select(static f => JsonTree.Quote(f as string ?? "")))}}}");
        }
    }

    private static void ValidateOwners(JsonMap metadata, FieldErrors errors)
    {
        var controllers = 0;
        foreach (var owner in metadata.Maps("ownerReferences"))
        {
            foreach (var key in (string[])["apiVersion", "kind", "name", "uid"])
            {
                if (string.IsNullOrEmpty(owner.Text(key)))
                {
                    errors.Invalid($"metadata.ownerReferences.{key}", owner.Text(key) ?? "", $"{(key == "apiVersion" ? "version" : key)} must not be empty");
                }
            }

            controllers += owner.Flag("controller") ? 1 : 0;
        }

        if (controllers > 1)
        {
            errors.Invalid("metadata.ownerReferences", metadata.List("ownerReferences"), "Only one reference can have Controller set to true. Found \"true\" in references for several owners");
        }
    }
}
