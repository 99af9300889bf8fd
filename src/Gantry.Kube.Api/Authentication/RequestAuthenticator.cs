using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Gantry.Kube.Api.Requests;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Authentication;

/// <summary>Finds out who sends a request: client certificate, bearer token, or nobody.</summary>
internal sealed class RequestAuthenticator(X509Certificate2 authority, TokenAuthority? tokens, string? bootstrapToken, TimeProvider time)
{
    /// <summary>How many verified certificates are remembered; a chain build takes a millisecond.</summary>
    private const int MaxRemembered = 1024;

    private readonly ConcurrentDictionary<string, (UserInfo User, DateTime NotAfter)> _certificates = new();

    /// <summary>The user; Unauthorized when credentials are given but wrong.</summary>
    public async ValueTask<UserInfo> AuthenticateAsync(HttpContext http)
    {
        if (http.Connection.ClientCertificate is { } certificate)
        {
            return FromCertificate(certificate) ?? throw StatusErrors.Unauthorized();
        }

        var header = http.Request.Headers.Authorization.ToString();
        var token = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..].Trim() : ProtocolToken(http);
        if (string.IsNullOrEmpty(token))
        {
            return UserInfo.Anonymous;
        }

        if (bootstrapToken is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(bootstrapToken)))
        {
            return UserInfo.System("kubernetes-admin");
        }

        return tokens is not null && await tokens.AuthenticateAsync(token, null, http.RequestAborted).ConfigureAwait(false) is { } user
            ? user.User
            : throw StatusErrors.Unauthorized();
    }

    private UserInfo? FromCertificate(X509Certificate2 certificate)
    {
        var now = time.GetUtcNow();
        if (_certificates.TryGetValue(certificate.Thumbprint, out var known) && known.NotAfter > now.UtcDateTime)
        {
            return known.User;
        }

        var user = CertificateIdentity.Read(certificate, authority, now);
        if (user is not null)
        {
            if (_certificates.Count >= MaxRemembered)
            {
                _certificates.Clear();
            }

            _certificates[certificate.Thumbprint] = (user, certificate.NotAfter.ToUniversalTime());
        }

        return user;
    }

    /// <summary>Browsers cannot set headers on WebSockets: the token may come as a subprotocol.</summary>
    private static string? ProtocolToken(HttpContext http)
    {
        const string Prefix = "base64url.bearer.authorization.k8s.io.";
        foreach (var protocol in http.Request.Headers.SecWebSocketProtocol.SelectMany(static v => v?.Split(',', StringSplitOptions.TrimEntries) ?? []))
        {
            if (protocol.StartsWith(Prefix, StringComparison.Ordinal))
            {
                var encoded = protocol[Prefix.Length..];
                return System.Buffers.Text.Base64Url.IsValid(encoded) ? Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(encoded)) : null;
            }
        }

        return null;
    }
}
