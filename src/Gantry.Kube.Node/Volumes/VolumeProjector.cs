using System.Text;
using Gantry.Faults;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Containers;

namespace Gantry.Kube.Node.Volumes;

/// <summary>
/// The files of configMap, secret, downwardAPI and projected volumes. What is missing and not optional is a
/// <c>FailedPrecondition</c> in kubelet's words.
/// </summary>
internal sealed class VolumeProjector(ObjectSource objects, DownwardApi downward, ServiceAccountTokens tokens)
{
    // The API's default for defaultMode.
    private const int DefaultMode = 0x1a4;

    /// <summary>The files, or null for a volume of another kind.</summary>
    public async Task<List<ProjectedFile>?> FilesAsync(Pod pod, Volume volume, CancellationToken cancellationToken)
    {
        var files = new List<ProjectedFile>();
        if (volume.ConfigMap is { } map)
        {
            await AddConfigMapAsync(pod, map.Name!, map.Items, map.Optional, map.DefaultMode ?? DefaultMode, files, cancellationToken).ConfigureAwait(false);
        }
        else if (volume.Secret is { } secret)
        {
            await AddSecretAsync(pod, secret.SecretName!, secret.Items, secret.Optional, secret.DefaultMode ?? DefaultMode, files, cancellationToken).ConfigureAwait(false);
        }
        else if (volume.DownwardAPI is { } api)
        {
            AddDownward(pod, api.Items, api.DefaultMode ?? DefaultMode, files);
        }
        else if (volume.Projected is { } projected)
        {
            foreach (var source in projected.Sources ?? [])
            {
                await AddSourceAsync(pod, source, projected.DefaultMode ?? DefaultMode, files, cancellationToken).ConfigureAwait(false);
            }
        }
        else
        {
            return null;
        }

        // A later source wins over an earlier one with the same path.
        return [.. files.GroupBy(file => file.Path, StringComparer.Ordinal).Select(same => same.Last())];
    }

    private async Task AddSourceAsync(Pod pod, VolumeProjection source, int mode, List<ProjectedFile> files, CancellationToken cancellationToken)
    {
        if (source.ConfigMap is { } map)
        {
            await AddConfigMapAsync(pod, map.Name!, map.Items, map.Optional, mode, files, cancellationToken).ConfigureAwait(false);
        }
        else if (source.Secret is { } secret)
        {
            await AddSecretAsync(pod, secret.Name!, secret.Items, secret.Optional, mode, files, cancellationToken).ConfigureAwait(false);
        }
        else if (source.DownwardAPI is { } api)
        {
            AddDownward(pod, api.Items, mode, files);
        }
        else if (source.ServiceAccountToken is { } token)
        {
            var text = await tokens.GetAsync(pod, token.Audience, token.ExpirationSeconds ?? 3600, cancellationToken).ConfigureAwait(false);
            // Readable by its user alone, unless the pod sets a user or a group (kubelet: 0600 else).
            var own = pod.Spec!.SecurityContext?.FsGroup is null && pod.Spec.SecurityContext?.RunAsUser is null && !pod.Spec.Containers.Exists(container => container.SecurityContext?.RunAsUser is not null);
            files.Add(Checked(token.Path, Encoding.UTF8.GetBytes(text), own ? 0x180 : mode));
        }
        else
        {
            throw new FaultException(FaultKind.NotImplemented, "projected volume source clusterTrustBundle is not supported");
        }
    }

    private async Task AddConfigMapAsync(Pod pod, string name, List<KeyToPath>? items, bool? optional, int mode, List<ProjectedFile> files, CancellationToken cancellationToken)
    {
        var map = await objects.ConfigMapAsync(pod.Metadata.Namespace!, name, cancellationToken).ConfigureAwait(false);
        if (map is null)
        {
            if (optional != true)
            {
                throw new FaultException(FaultKind.FailedPrecondition, $"configmap \"{name}\" not found");
            }

            return;
        }

        var content = new Dictionary<string, byte[]>(map.BinaryData ?? [], StringComparer.Ordinal);
        foreach (var (key, value) in map.Data ?? [])
        {
            content[key] = Encoding.UTF8.GetBytes(value);
        }

        Select(content, items, optional, mode, "configmap", files);
    }

    private async Task AddSecretAsync(Pod pod, string name, List<KeyToPath>? items, bool? optional, int mode, List<ProjectedFile> files, CancellationToken cancellationToken)
    {
        var secret = await objects.SecretAsync(pod.Metadata.Namespace!, name, cancellationToken).ConfigureAwait(false);
        if (secret is null)
        {
            if (optional != true)
            {
                throw new FaultException(FaultKind.FailedPrecondition, $"secret \"{name}\" not found");
            }

            return;
        }

        Select(secret.Data ?? [], items, optional, mode, "secret", files);
    }

    private static void Select(Dictionary<string, byte[]> content, List<KeyToPath>? items, bool? optional, int mode, string kind, List<ProjectedFile> files)
    {
        if (items is null)
        {
            files.AddRange(content.Select(pair => Checked(pair.Key, pair.Value, mode)));
            return;
        }

        foreach (var item in items)
        {
            if (content.TryGetValue(item.Key, out var bytes))
            {
                files.Add(Checked(item.Path, bytes, item.Mode ?? mode));
            }
            else if (optional != true)
            {
                throw new FaultException(FaultKind.FailedPrecondition, $"{kind} references non-existent {kind} key: {item.Key}");
            }
        }
    }

    private void AddDownward(Pod pod, List<DownwardAPIVolumeFile>? items, int mode, List<ProjectedFile> files)
    {
        foreach (var item in items ?? [])
        {
            var text = item.FieldRef is { } field
                ? downward.Field(pod, field.FieldPath, pod.Status?.PodIP)
                : downward.Resource(pod, item.ResourceFieldRef!, pod.Spec!.Containers[0]);
            files.Add(Checked(item.Path, Encoding.UTF8.GetBytes(text), item.Mode ?? mode));
        }
    }

    private static ProjectedFile Checked(string path, byte[] content, int mode)
    {
        // The API validates this too; the kubelet writes as root and trusts nobody.
        if (path.Length == 0 || Path.IsPathRooted(path) || path.Split('/').Any(part => part is "" or "." or ".."))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid path in volume: {path}");
        }

        return new ProjectedFile(path, content, mode);
    }
}
