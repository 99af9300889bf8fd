namespace Gantry.Kube.Node.Containers;

/// <summary>The labels by which the kubelet finds its containers again (kubelet's own names, so that tools know them).</summary>
internal static class RuntimeLabels
{
    public const string PodName = "io.kubernetes.pod.name";
    public const string PodNamespace = "io.kubernetes.pod.namespace";
    public const string PodUid = "io.kubernetes.pod.uid";
    public const string ContainerName = "io.kubernetes.container.name";
    public const string Attempt = "io.kubernetes.container.restartCount";
}
