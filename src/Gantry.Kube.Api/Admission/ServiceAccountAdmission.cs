using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.Admission;

/// <summary>
/// Gives pods their service account and, unless told not to, a volume with its token, the cluster's CA and the namespace
/// (upstream: plugin/pkg/admission/serviceaccount).
/// </summary>
internal sealed class ServiceAccountAdmission(ServerCore core) : IAdmission
{
    private const string MountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
    private const string VolumePrefix = "kube-api-access-";

    /// <summary>An hour and seven seconds: upstream's mark for tokens that the admission asked for.</summary>
    private const long TokenSeconds = 3607;

    public async ValueTask CreateAsync(ResourceType resource, string? ns, JsonMap obj, WriteOptions options, CancellationToken cancellationToken)
    {
        if (resource.Qualified != "pods")
        {
            return;
        }

        var spec = obj.MapOrNew("spec");
        if (string.IsNullOrEmpty(spec.Text("serviceAccountName")))
        {
            spec["serviceAccountName"] = "default";
        }

        var name = spec.Text("serviceAccountName")!;
        spec["serviceAccount"] = name;
        var account = await core.Reader.TryGetAsync(core.Registry.Core("serviceaccounts"), ns, name, cancellationToken).ConfigureAwait(false)
            ?? throw StatusErrors.Forbidden(resource, obj.Map("metadata")?.Text("name"), $"error looking up service account {ns}/{name}: serviceaccount \"{name}\" not found");
        var tree = account.ToTree();
        if (spec.GetValueOrDefault("automountServiceAccountToken") as bool? ?? tree.GetValueOrDefault("automountServiceAccountToken") as bool? ?? true)
        {
            Mount(spec);
        }

        if (spec.List("imagePullSecrets") is not { Count: > 0 } && tree.List("imagePullSecrets") is { Count: > 0 } secrets)
        {
            spec["imagePullSecrets"] = JsonTree.Clone(secrets);
        }
    }

    private static void Mount(JsonMap spec)
    {
        var existing = spec.Maps("volumes").FirstOrDefault(static v => v.Text("name")?.StartsWith(VolumePrefix, StringComparison.Ordinal) == true);
        var volume = existing?.Text("name") ?? VolumePrefix + ObjectMetaRules.RandomSuffix(5);
        var used = false;
        foreach (var container in spec.Maps("containers").Concat(spec.Maps("initContainers")))
        {
            if (container.Maps("volumeMounts").Any(static m => m.Text("mountPath") == MountPath))
            {
                continue;
            }

            var mounts = container.List("volumeMounts") ?? [];
            mounts.Add(new JsonMap { ["name"] = volume, ["readOnly"] = true, ["mountPath"] = MountPath });
            container["volumeMounts"] = mounts;
            used = true;
        }

        if (used && existing is null)
        {
            var volumes = spec.List("volumes") ?? [];
            volumes.Add(new JsonMap { ["name"] = volume, ["projected"] = Projection() });
            spec["volumes"] = volumes;
        }
    }

    private static JsonMap Projection() => new()
    {
        ["sources"] = new List<object?>
        {
            new JsonMap { ["serviceAccountToken"] = new JsonMap { ["expirationSeconds"] = TokenSeconds, ["path"] = "token" } },
            new JsonMap { ["configMap"] = new JsonMap { ["name"] = "kube-root-ca.crt", ["items"] = new List<object?> { new JsonMap { ["key"] = "ca.crt", ["path"] = "ca.crt" } } } },
            new JsonMap
            {
                ["downwardAPI"] = new JsonMap
                {
                    ["items"] = new List<object?> { new JsonMap { ["path"] = "namespace", ["fieldRef"] = new JsonMap { ["apiVersion"] = "v1", ["fieldPath"] = "metadata.namespace" } } },
                },
            },
        },
        ["defaultMode"] = 420L,
    };
}
