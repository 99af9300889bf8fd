using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.Admission;

/// <summary>DefaultTolerationSeconds: pods tolerate a node that is not ready or not reachable for five minutes.</summary>
internal sealed class PodDefaultsAdmission : IAdmission
{
    /// <summary>Upstream's default-not-ready-toleration-seconds.</summary>
    private const long TolerationSeconds = 300;

    private static readonly string[] Taints = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

    public ValueTask CreateAsync(ResourceType resource, string? ns, JsonMap obj, WriteOptions options, CancellationToken cancellationToken)
    {
        if (resource.Qualified != "pods")
        {
            return ValueTask.CompletedTask;
        }

        var spec = obj.MapOrNew("spec");
        var tolerations = spec.List("tolerations") ?? [];
        foreach (var taint in Taints)
        {
            var tolerated = tolerations.OfType<JsonMap>().Any(t => t.Text("key") is null or "" || (t.Text("key") == taint && t.Text("effect") is null or "" or "NoExecute"));
            if (!tolerated)
            {
                tolerations.Add(new JsonMap { ["key"] = taint, ["operator"] = "Exists", ["effect"] = "NoExecute", ["tolerationSeconds"] = TolerationSeconds });
            }
        }

        spec["tolerations"] = tolerations;
        return ValueTask.CompletedTask;
    }
}
