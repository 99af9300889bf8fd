using System.Globalization;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Node.Volumes;

/// <summary>Where a pod's files are on the node: <c>pods/UID/volumes/KIND/NAME</c> and <c>pods/UID/containers/NAME/ATTEMPT</c>.</summary>
internal sealed class PodDirectories(string root)
{
    public string PodsRoot => Path.Combine(root, "pods");

    public string Of(string podUid) => Path.Combine(PodsRoot, podUid);

    public string Volume(Pod pod, string kind, string name) => Path.Combine(Of(pod.Metadata.Uid!), "volumes", kind, name);

    public string TerminationLog(string podUid, string container, int attempt) =>
        Path.Combine(Of(podUid), "containers", container, attempt.ToString(CultureInfo.InvariantCulture));

    /// <summary>Makes the empty file that the container's termination message is written to.</summary>
    public string MakeTerminationLog(Pod pod, string container, int attempt)
    {
        var path = TerminationLog(pod.Metadata.Uid!, container, attempt);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, []);
        // Any user of the container may write it (kubelet's mode).
        File.SetUnixFileMode(path, (UnixFileMode)0b110_110_110);
        return path;
    }
}
