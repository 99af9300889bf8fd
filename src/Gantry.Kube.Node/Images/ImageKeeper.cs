using System.Collections.Concurrent;
using System.Text.Json;
using Gantry.Faults;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Containers;
using Gantry.Kube.Node.Runtime;

namespace Gantry.Kube.Node.Images;

/// <summary>
/// Makes sure that a container's image is on the node, by its pull policy, with kubelet's reasons and back-off: ErrImagePull
/// for the attempt that failed, ImagePullBackOff while waiting, ErrImageNeverPull.
/// </summary>
internal sealed class ImageKeeper(IPodRuntime runtime, ObjectSource objects, EventRecorder events, string nodeName, TimeProvider time)
{
    // kubelet's image pull back-off: 10 s doubling to 5 min.
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromMinutes(5);
    private readonly ConcurrentDictionary<string, (TimeSpan Delay, DateTimeOffset RetryAt, string Message)> _failures = new(StringComparer.Ordinal);

    /// <summary>The image, or why the container has to wait for it (with the time of the next attempt).</summary>
    public async Task<ImageResult> EnsureAsync(Pod pod, Container container, CancellationToken cancellationToken)
    {
        var name = container.Image ?? "";
        var policy = container.ImagePullPolicy ?? "IfNotPresent";
        var key = $"{pod.Metadata.Uid}/{container.Name}/{name}";
        try
        {
            var present = await runtime.FindImageAsync(name, cancellationToken).ConfigureAwait(false);
            // An image that was built here and never pushed is nowhere else: Always, which is the default for the tag
            // latest, would only fail.
            if (present is not null && (policy != "Always" || present.IsLocalOnly))
            {
                Record(pod, container, "Normal", "Pulled", $"Container image \"{name}\" already present on machine");
                return new ImageResult(present, null, null, null);
            }

            if (policy == "Never")
            {
                Record(pod, container, "Warning", "ErrImageNeverPull", $"Container image \"{name}\" is not present with pull policy of Never");
                return new ImageResult(null, "ErrImageNeverPull", $"Container image \"{name}\" is not present with pull policy of Never", time.GetUtcNow() + s_firstDelay);
            }
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.InvalidArgument)
        {
            Record(pod, container, "Warning", "InspectFailed", $"Failed to apply default image tag \"{name}\": {fault.Message}");
            return new ImageResult(null, "InvalidImageName", $"Failed to apply default image tag \"{name}\": {fault.Message}", time.GetUtcNow() + s_longestDelay);
        }

        if (_failures.TryGetValue(key, out var failure) && time.GetUtcNow() < failure.RetryAt)
        {
            Record(pod, container, "Normal", "BackOff", $"Back-off pulling image \"{name}\"");
            return new ImageResult(null, "ImagePullBackOff", $"Back-off pulling image \"{name}\": {failure.Message}", failure.RetryAt);
        }

        return await PullAsync(pod, container, name, key, cancellationToken).ConfigureAwait(false);
    }

    private async Task<ImageResult> PullAsync(Pod pod, Container container, string name, string key, CancellationToken cancellationToken)
    {
        Record(pod, container, "Normal", "Pulling", $"Pulling image \"{name}\"");
        var started = time.GetTimestamp();
        try
        {
            var logins = await LoginsAsync(pod, cancellationToken).ConfigureAwait(false);
            var image = await runtime.PullImageAsync(name, logins, cancellationToken).ConfigureAwait(false);
            _failures.TryRemove(key, out _);
            Record(pod, container, "Normal", "Pulled", $"Successfully pulled image \"{name}\" in {time.GetElapsedTime(started).TotalMilliseconds:0}ms");
            return new ImageResult(image, null, null, null);
        }
        catch (FaultException fault)
        {
            var delay = _failures.TryGetValue(key, out var last) ? TimeSpan.FromTicks(Math.Min(last.Delay.Ticks * 2, s_longestDelay.Ticks)) : s_firstDelay;
            var message = $"failed to pull and unpack image \"{name}\": {fault.Message}";
            _failures[key] = (delay, time.GetUtcNow() + delay, message);
            Record(pod, container, "Warning", "Failed", $"Failed to pull image \"{name}\": {message}");
            Record(pod, container, "Warning", "Failed", "Error: ErrImagePull");
            // The status shows the attempt's error for a moment, then the back-off.
            return new ImageResult(null, "ErrImagePull", message, time.GetUtcNow() + TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>Forgets a pod that is gone.</summary>
    public void Forget(string podUid)
    {
        foreach (var key in _failures.Keys.Where(key => key.StartsWith(podUid + "/", StringComparison.Ordinal)))
        {
            _failures.TryRemove(key, out _);
        }
    }

    private async Task<List<RegistryLogin>> LoginsAsync(Pod pod, CancellationToken cancellationToken)
    {
        var logins = new List<RegistryLogin>();
        foreach (var reference in pod.Spec!.ImagePullSecrets ?? [])
        {
            var secret = await objects.SecretAsync(pod.Metadata.Namespace!, reference.Name!, cancellationToken).ConfigureAwait(false);
            if (secret?.Data?.TryGetValue(".dockerconfigjson", out var json) == true)
            {
                AddLogins(json, logins);
            }
        }

        return logins;
    }

    private static void AddLogins(byte[] json, List<RegistryLogin> logins)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            foreach (var registry in document.RootElement.GetProperty("auths").EnumerateObject())
            {
                var entry = registry.Value;
                if (entry.TryGetProperty("auth", out var auth))
                {
                    var parts = System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(auth.GetString()!)).Split(':', 2);
                    logins.Add(new RegistryLogin(registry.Name, parts[0], parts.ElementAtOrDefault(1) ?? ""));
                }
                else if (entry.TryGetProperty("username", out var user) && entry.TryGetProperty("password", out var password))
                {
                    logins.Add(new RegistryLogin(registry.Name, user.GetString()!, password.GetString()!));
                }
            }
        }
        catch (Exception malformed) when (malformed is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            throw new FaultException(FaultKind.InvalidArgument, "an image pull secret's .dockerconfigjson cannot be read", malformed);
        }
    }

    private void Record(Pod pod, Container container, string type, string reason, string message) =>
        events.Record(pod, "kubelet", type, reason, message, nodeName, $"spec.containers{{{container.Name}}}");
}

/// <summary>An image, or the waiting reason, its message, and when to try again.</summary>
internal sealed record ImageResult(PodImage? Image, string? Reason, string? Message, DateTimeOffset? RetryAt);
