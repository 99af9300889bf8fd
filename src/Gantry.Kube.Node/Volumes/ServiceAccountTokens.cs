using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gantry.Kube.Client;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Node.Volumes;

/// <summary>
/// Tokens of service accounts, bound to their pods; renewed when 80% of their life is over, as kubelet does.
/// </summary>
internal sealed class ServiceAccountTokens(IKubeClient client, TimeProvider time)
{
    private readonly ConcurrentDictionary<(string PodUid, string? Audience, long Seconds), (string Token, DateTimeOffset RenewAt)> _tokens = new();

    public async Task<string> GetAsync(Pod pod, string? audience, long seconds, CancellationToken cancellationToken)
    {
        var key = (pod.Metadata.Uid!, audience, seconds);
        var now = time.GetUtcNow();
        if (_tokens.TryGetValue(key, out var known) && now < known.RenewAt)
        {
            return known.Token;
        }

        var request = new JsonObject
        {
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["kind"] = "TokenRequest",
            ["spec"] = new JsonObject
            {
                ["audiences"] = string.IsNullOrEmpty(audience) ? new JsonArray() : new JsonArray(audience),
                ["expirationSeconds"] = seconds,
                ["boundObjectRef"] = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["name"] = pod.Metadata.Name, ["uid"] = pod.Metadata.Uid },
            },
        };
        var account = pod.Spec!.ServiceAccountName is { Length: > 0 } name ? name : "default";
        var response = await client.PostSubresourceAsync(ServiceAccount.ResourceType, pod.Metadata.Namespace, account, "token", Encoding.UTF8.GetBytes(request.ToJsonString()), cancellationToken).ConfigureAwait(false);
        using var document = JsonDocument.Parse(response);
        var status = document.RootElement.GetProperty("status");
        var token = status.GetProperty("token").GetString()!;
        KubeTime.TryParse(status.GetProperty("expirationTimestamp").GetString()!, out var expires);
        _tokens[key] = (token, now + ((expires - now) * 0.8));
        return token;
    }

    /// <summary>Forgets a pod that is gone.</summary>
    public void Forget(string podUid)
    {
        foreach (var key in _tokens.Keys.Where(key => key.PodUid == podUid))
        {
            _tokens.TryRemove(key, out _);
        }
    }
}
