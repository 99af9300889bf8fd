using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Model;

namespace Gantry.Kube.Api.Authentication;

/// <summary>An accepted token: whose it is, and for whom it is meant.</summary>
internal sealed record TokenIdentity(UserInfo User, IReadOnlyList<string> Audiences);

/// <summary>
/// Issues and checks service account tokens: JWTs signed with ES256, for an audience and a time, bound to their account and
/// optionally to a pod, secret or node; a token dies with what it is bound to.
/// </summary>
internal sealed class TokenAuthority(ServerCore core, ECDsa key, string issuer)
{
    private const string PodName = "authentication.kubernetes.io/pod-name";
    private const string PodUid = "authentication.kubernetes.io/pod-uid";

    /// <summary>Upstream's bounds for expirationSeconds: ten minutes and 2^32 seconds.</summary>
    private const long MinSeconds = 600;

    private const long MaxSeconds = 1L << 32;

    private readonly string _keyId = Base64Url.EncodeToString(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
    private readonly Lock _gate = new();

    /// <summary>Answers a TokenRequest for an account.</summary>
    public async ValueTask<JsonMap> IssueAsync(StoredObject account, JsonMap request, CancellationToken cancellationToken)
    {
        ObjectNormalizer.Normalize(request, core.Registry.Catalog.Get("authentication/v1.TokenRequest"));
        ObjectDefaulter.Apply(request, core.Registry.Catalog.Get("authentication/v1.TokenRequest"));
        var tree = account.ToTree();
        var metadata = tree.MapOrNew("metadata");
        var ns = metadata.Text("namespace")!;
        var name = metadata.Text("name")!;
        var spec = request.MapOrNew("spec");
        var seconds = spec.Number("expirationSeconds") ?? 3600;
        CheckSeconds(seconds, name);
        var audiences = (spec.List("audiences") ?? []).OfType<string>().ToList();
        if (audiences.Count == 0)
        {
            audiences.Add(issuer);
            spec["audiences"] = new List<object?> { issuer };
        }

        var claims = new JsonMap { ["namespace"] = ns, ["serviceaccount"] = new JsonMap { ["name"] = name, ["uid"] = metadata.Text("uid") } };
        if (spec.Map("boundObjectRef") is { } bound)
        {
            await BindAsync(claims, bound, ns, name, cancellationToken).ConfigureAwait(false);
        }

        var now = core.Time.GetUtcNow();
        var expires = now.AddSeconds(seconds);
        var payload = new JsonMap
        {
            ["aud"] = audiences.ToList<object?>(),
            ["exp"] = expires.ToUnixTimeSeconds(),
            ["iat"] = now.ToUnixTimeSeconds(),
            ["iss"] = issuer,
            ["jti"] = Guid.NewGuid().ToString(),
            ["kubernetes.io"] = claims,
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["sub"] = $"system:serviceaccount:{ns}:{name}",
        };
        request["kind"] = "TokenRequest";
        request["apiVersion"] = "authentication.k8s.io/v1";
        request["metadata"] = new JsonMap { ["name"] = name, ["namespace"] = ns, ["creationTimestamp"] = KubeTime.Format(now) };
        request["status"] = new JsonMap { ["token"] = Sign(payload), ["expirationTimestamp"] = KubeTime.Format(expires) };
        return request;
    }

    /// <summary>Whose token it is, or null when it is not valid (any more). <paramref name="audiences"/> null means the issuer's own.</summary>
    public async ValueTask<TokenIdentity?> AuthenticateAsync(string token, IReadOnlyList<string>? audiences, CancellationToken cancellationToken)
    {
        if (Verify(token) is not { } payload)
        {
            return null;
        }

        var now = core.Time.GetUtcNow().ToUnixTimeSeconds();
        if (payload.Text("iss") != issuer || payload.Number("exp") is not { } expires || now >= expires || now < (payload.Number("nbf") ?? 0) - 5)
        {
            return null;
        }

        var meant = (payload.List("aud") ?? []).OfType<string>().Intersect(audiences ?? [issuer]).ToList();
        if (meant.Count == 0 || payload.Map("kubernetes.io") is not { } claims || !await IsAliveAsync(claims, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        var ns = claims.Text("namespace")!;
        var account = claims.Map("serviceaccount")!;
        var extra = new Dictionary<string, IReadOnlyList<string>>();
        if (claims.Map("pod") is { } pod)
        {
            extra[PodName] = [pod.Text("name")!];
            extra[PodUid] = [pod.Text("uid")!];
        }

        var user = new UserInfo($"system:serviceaccount:{ns}:{account.Text("name")}", ["system:serviceaccounts", $"system:serviceaccounts:{ns}", "system:authenticated"], account.Text("uid") ?? "", extra);
        return new TokenIdentity(user, meant);
    }

    /// <summary>The public key as a JSON Web Key Set: /openid/v1/jwks.</summary>
    public JsonMap KeySet()
    {
        var parameters = key.ExportParameters(includePrivateParameters: false);
        return new JsonMap
        {
            ["keys"] = new List<object?>
            {
                new JsonMap
                {
                    ["use"] = "sig",
                    ["kty"] = "EC",
                    ["kid"] = _keyId,
                    ["crv"] = "P-256",
                    ["alg"] = "ES256",
                    ["x"] = Base64Url.EncodeToString(parameters.Q.X),
                    ["y"] = Base64Url.EncodeToString(parameters.Q.Y),
                },
            },
        };
    }

    private async ValueTask BindAsync(JsonMap claims, JsonMap bound, string ns, string account, CancellationToken cancellationToken)
    {
        var kind = bound.Text("kind");
        var plural = kind switch { "Pod" => "pods", "Secret" => "secrets", "Node" => "nodes", _ => throw StatusErrors.BadRequest($"cannot bind token to object of type {bound.Text("apiVersion")}, Kind={kind}") };
        var resource = core.Registry.Core(plural);
        var target = await core.Reader.GetAsync(resource, ns, bound.Text("name") ?? "", cancellationToken).ConfigureAwait(false);
        var uid = JsonProbe.ReadPath(target.Data.Span, "metadata.uid");
        if (bound.Text("uid") is { Length: > 0 } wanted && wanted != uid)
        {
            throw StatusErrors.Conflict(resource, bound.Text("name")!, $"the UID in the bound object reference ({wanted}) does not match the UID in record. The object might have been deleted and then recreated");
        }

        if (kind == "Pod")
        {
            var used = JsonProbe.ReadPath(target.Data.Span, "spec.serviceAccountName");
            if (used != account)
            {
                throw StatusErrors.BadRequest($"cannot bind token for serviceaccount \"{account}\" to pod running with different serviceaccount name.");
            }

            if (JsonProbe.ReadPath(target.Data.Span, "spec.nodeName") is { Length: > 0 } node)
            {
                claims["node"] = new JsonMap { ["name"] = node };
            }
        }

        claims[kind!.ToLowerInvariant()] = new JsonMap { ["name"] = bound.Text("name"), ["uid"] = uid };
    }

    /// <summary>Whether the account, and the pod or secret that the token is bound to, still exist.</summary>
    private async ValueTask<bool> IsAliveAsync(JsonMap claims, CancellationToken cancellationToken)
    {
        var ns = claims.Text("namespace");
        foreach (var (claim, plural) in ((string, string)[])[("serviceaccount", "serviceaccounts"), ("pod", "pods"), ("secret", "secrets")])
        {
            if (claims.Map(claim) is not { } bound)
            {
                if (claim == "serviceaccount")
                {
                    return false;
                }

                continue;
            }

            var found = await core.Reader.TryGetAsync(core.Registry.Core(plural), ns, bound.Text("name") ?? "", cancellationToken).ConfigureAwait(false);
            if (found is null || JsonProbe.ReadPath(found.Value.Data.Span, "metadata.uid") != bound.Text("uid"))
            {
                return false;
            }
        }

        return true;
    }

    private string Sign(JsonMap payload)
    {
        var header = new JsonMap { ["alg"] = "ES256", ["kid"] = _keyId };
        var text = Base64Url.EncodeToString(JsonTree.ToUtf8(header)) + "." + Base64Url.EncodeToString(JsonTree.ToUtf8(payload));
        lock (_gate)
        {
            return text + "." + Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256));
        }
    }

    private JsonMap? Verify(string token)
    {
        var parts = token.Split('.');
        if (parts.Length != 3 || !parts.All(static p => p.Length > 0 && Base64Url.IsValid(p)))
        {
            return null;
        }

        try
        {
            var header = JsonTree.ParseMap(Base64Url.DecodeFromChars(parts[0]));
            var signature = Base64Url.DecodeFromChars(parts[2]);
            var signed = Encoding.ASCII.GetBytes(parts[0] + "." + parts[1]);
            lock (_gate)
            {
                if (header.Text("alg") != "ES256" || !key.VerifyData(signed, signature, HashAlgorithmName.SHA256))
                {
                    return null;
                }
            }

            return JsonTree.ParseMap(Base64Url.DecodeFromChars(parts[1]));
        }
        catch (JsonException)
        {
            // Not a token of ours.
            return null;
        }
    }

    private static void CheckSeconds(long seconds, string name)
    {
        if (seconds is >= MinSeconds and <= MaxSeconds)
        {
            return;
        }

        var errors = new Validation.FieldErrors();
        errors.Invalid("spec.expirationSeconds", seconds, seconds < MinSeconds ? "may not specify a duration less than 10 minutes" : "may not specify a duration larger than 2^32 seconds");
        throw StatusErrors.Invalid("TokenRequest", "authentication.k8s.io", name, errors);
    }
}
