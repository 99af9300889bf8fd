using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Pods: an immutable spec, and deletion that waits for the kubelet.</summary>
internal sealed class PodResource : ResourceStrategy
{
    private const string MayNotChange = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

    public override string[] SelectablePaths { get; } =
        ["spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"];

    public override string SelectableDefault(string path) => path == "spec.hostNetwork" ? "false" : "";

    public override void ApplyDefaults(JsonMap obj) => PodTemplateDefaults.Apply(obj.Map("spec"), isPod: true);

    public override void PrepareForCreate(JsonMap obj)
    {
        obj["status"] = new JsonMap { ["phase"] = "Pending" };
        obj.MapOrNew("spec").Default("preemptionPolicy", "PreemptLowerPriority");
        obj.MapOrNew("spec").Default("priority", 0L);
    }

    public override void PrepareForUpdate(JsonMap obj, JsonMap old)
    {
        // The node is given by the binding only.
        var node = old.Map("spec")?.Text("nodeName");
        if (node is not null)
        {
            obj.MapOrNew("spec").Default("nodeName", node);
        }
    }

    public override void PrepareForStatusUpdate(JsonMap obj, JsonMap old)
        => obj.MapOrNew("status").Default("qosClass", QosClass(obj));

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        obj.MapOrNew("status")["qosClass"] = QosClass(obj);
        PodRules.Validate(TypedTree.Read<Pod>(obj).Spec ?? new(), "spec", errors);
    }

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
    {
        var spec = JsonTree.Clone(obj.MapOrNew("spec"));
        var before = JsonTree.Clone(old.MapOrNew("spec"));
        foreach (var list in (string[])["containers", "initContainers"])
        {
            var containers = before.Maps(list).ToList();
            var index = 0;
            foreach (var container in spec.Maps(list))
            {
                if (index < containers.Count && containers[index].TryGetValue("image", out var image))
                {
                    container["image"] = image;
                }

                index++;
            }
        }

        CheckTolerations(spec, before, errors);
        Relax(spec, before, "activeDeadlineSeconds");
        Relax(spec, before, "schedulingGates");
        if (before.Number("terminationGracePeriodSeconds") < 0)
        {
            Relax(spec, before, "terminationGracePeriodSeconds");
        }

        if (!JsonTree.Same(spec, before))
        {
            errors.Forbidden("spec", MayNotChange);
        }
    }

    public override long GracePeriod(JsonMap obj, long? requested)
    {
        var spec = obj.MapOrNew("spec");
        var phase = obj.Map("status")?.Text("phase");
        if (string.IsNullOrEmpty(spec.Text("nodeName")) || phase is "Succeeded" or "Failed")
        {
            return 0;
        }

        // A negative period of the spec counts as one second, as upstream.
        var period = requested ?? spec.Number("terminationGracePeriodSeconds") ?? 30;
        return period < 0 ? 1 : period;
    }

    /// <summary>Guaranteed, Burstable or BestEffort, from the containers' CPU and memory.</summary>
    internal static string QosClass(JsonMap pod)
    {
        var any = false;
        var guaranteed = true;
        var spec = pod.MapOrNew("spec");
        foreach (var container in spec.Maps("containers").Concat(spec.Maps("initContainers")))
        {
            var limits = container.Map("resources")?.Map("limits");
            var requests = container.Map("resources")?.Map("requests");
            foreach (var name in (string[])["cpu", "memory"])
            {
                var limit = limits?.Text(name);
                var request = requests?.Text(name);
                any |= limit is not (null or "0") || request is not (null or "0");
                guaranteed &= limit is not (null or "0") && (request is null || request == limit);
            }
        }

        return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
    }

    private static void Relax(JsonMap spec, JsonMap before, string field)
    {
        spec.Remove(field);
        before.Remove(field);
    }

    private static void CheckTolerations(JsonMap spec, JsonMap before, FieldErrors errors)
    {
        var now = spec.List("tolerations") ?? [];
        foreach (var toleration in before.List("tolerations") ?? [])
        {
            var kept = now.OfType<JsonMap>().Any(t => SameBut(t, (JsonMap)toleration!));
            if (!kept)
            {
                errors.Forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds");
                break;
            }
        }

        Relax(spec, before, "tolerations");
    }

    private static bool SameBut(JsonMap left, JsonMap right)
    {
        left = JsonTree.Clone(left);
        right = JsonTree.Clone(right);
        Relax(left, right, "tolerationSeconds");
        return JsonTree.Same(left, right);
    }
}
