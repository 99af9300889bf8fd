using System.Globalization;
using Gantry.Kube.Model.Apps.V1;

namespace Gantry.Kube.Controllers.Deployments;

/// <summary>The annotations with which a Deployment numbers and sizes its ReplicaSets.</summary>
internal static class Revision
{
    public const string Annotation = "deployment.kubernetes.io/revision";
    public const string HistoryAnnotation = "deployment.kubernetes.io/revision-history";
    public const string DesiredAnnotation = "deployment.kubernetes.io/desired-replicas";
    public const string MaxAnnotation = "deployment.kubernetes.io/max-replicas";
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    public static long Of(ReplicaSet set) => Number(set, Annotation) ?? 0;

    public static long? Number(ReplicaSet set, string annotation) =>
        set.Metadata.Annotations?.TryGetValue(annotation, out var text) == true && long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>
    /// Sets the newest ReplicaSet's annotations: those of the Deployment (but not kubectl's record of the last apply), its
    /// revision with the history of earlier ones, and the sizes. True when something changed.
    /// </summary>
    public static bool Annotate(ReplicaSet set, Deployment deployment, long revision, int maxReplicas)
    {
        var before = set.Metadata.Annotations is { } present ? new Dictionary<string, string>(present, StringComparer.Ordinal) : new(StringComparer.Ordinal);
        var after = set.Metadata.Annotations ??= new(StringComparer.Ordinal);
        foreach (var (name, value) in deployment.Metadata.Annotations ?? [])
        {
            if (name is not (LastApplied or Annotation or HistoryAnnotation or DesiredAnnotation or MaxAnnotation))
            {
                after[name] = value;
            }
        }

        var old = Of(set);
        if (old < revision)
        {
            if (old > 0)
            {
                after[HistoryAnnotation] = after.TryGetValue(HistoryAnnotation, out var history) && history.Length > 0 ? $"{history},{old}" : Text(old);
            }

            after[Annotation] = Text(revision);
        }

        SetSizes(set, deployment.Spec!.Replicas ?? 1, maxReplicas);
        return before.Count != after.Count || after.Any(pair => !before.TryGetValue(pair.Key, out var value) || value != pair.Value);
    }

    /// <summary>Notes the Deployment's sizes on a ReplicaSet, for proportional scaling; true when they changed.</summary>
    public static bool SetSizes(ReplicaSet set, int desired, int max)
    {
        var annotations = set.Metadata.Annotations ??= new(StringComparer.Ordinal);
        var changed = Number(set, DesiredAnnotation) != desired || Number(set, MaxAnnotation) != max;
        annotations[DesiredAnnotation] = Text(desired);
        annotations[MaxAnnotation] = Text(max);
        return changed;
    }

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
