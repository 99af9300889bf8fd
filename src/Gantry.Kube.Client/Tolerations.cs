using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Client;

/// <summary>Taints and tolerations (core/v1 Toleration).</summary>
public static class Tolerations
{
    /// <summary>Whether one toleration covers one taint.</summary>
    public static bool Tolerates(Toleration toleration, Taint taint) =>
        (string.IsNullOrEmpty(toleration.Effect) || toleration.Effect == taint.Effect)
        && (string.IsNullOrEmpty(toleration.Key) ? toleration.Operator == "Exists" : toleration.Key == taint.Key)
        && (toleration.Operator == "Exists" || (toleration.Value ?? "") == (taint.Value ?? ""));

    /// <summary>The first of the node's taints with one of the effects that the pod does not tolerate, or null.</summary>
    public static Taint? FirstUntolerated(Pod pod, Node node, params ReadOnlySpan<string> effects)
    {
        foreach (var taint in node.Spec?.Taints ?? [])
        {
            if (effects.Contains(taint.Effect) && pod.Spec?.Tolerations?.Exists(toleration => Tolerates(toleration, taint)) != true)
            {
                return taint;
            }
        }

        return null;
    }
}
