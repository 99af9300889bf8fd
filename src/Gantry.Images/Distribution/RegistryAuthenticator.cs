using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Gantry.Faults;

namespace Gantry.Images.Distribution;

/// <summary>
/// Answers a registry's challenges: Basic with the user's name, Bearer with a token from the realm that it names (docker's
/// token authentication). Tokens are kept for the life of one pull or push.
/// </summary>
internal sealed class RegistryAuthenticator(HttpClient http, RegistryCredentials? credentials)
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile AuthenticationHeaderValue? _header = credentials?.RegistryToken is { Length: > 0 } token
        ? new AuthenticationHeaderValue("Bearer", token)
        : null;

    /// <summary>What to send with the next request; null before the first challenge.</summary>
    public AuthenticationHeaderValue? Header => _header;

    /// <summary>Gets a header for a challenge; false when there is none to offer beyond the one that was refused.</summary>
    public async Task<bool> AnswerAsync(
        IEnumerable<string> challenges, AuthenticationHeaderValue? refused, string? scope, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!Equals(_header, refused))
            {
                return true; // another request has got a newer token meanwhile
            }
            foreach (var challenge in challenges.Select(AuthChallenge.Parse))
            {
                if (challenge.Scheme == "bearer" && await GetTokenAsync(challenge, scope, cancellationToken).ConfigureAwait(false) is { } token)
                {
                    _header = new AuthenticationHeaderValue("Bearer", token);
                    return !Equals(_header, refused);
                }
                if (challenge.Scheme == "basic" && Basic() is { } basic && !Equals(basic, refused))
                {
                    _header = basic;
                    return true;
                }
            }
            return false;
        }
        finally
        {
            _turn.Release();
        }
    }

    private AuthenticationHeaderValue? Basic() => string.IsNullOrEmpty(credentials?.Username)
        ? null
        : new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credentials.Username}:{credentials.Password}")));

    private async Task<string?> GetTokenAsync(AuthChallenge challenge, string? scope, CancellationToken cancellationToken)
    {
        if (!challenge.Parameters.TryGetValue("realm", out var realm) || !Uri.TryCreate(realm, UriKind.Absolute, out var realmUri))
        {
            return null;
        }
        scope ??= challenge.Parameters.GetValueOrDefault("scope");
        var service = challenge.Parameters.GetValueOrDefault("service");
        using var request = credentials?.IdentityToken is { Length: > 0 } identity
            ? Exchange(realmUri, service, scope, identity)
            : Ask(realmUri, service, scope);
        using var response = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            throw response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
                ? new FaultException(FaultKind.Unauthenticated, "unauthorized: incorrect username or password")
                : new FaultException(FaultKind.Unavailable, $"the token server {realmUri.Host} answered {(int)response.StatusCode}");
        }
        var answer = ImagesJson.Deserialize<RegistryTokenAnswer>(await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false));
        return answer.Token ?? answer.AccessToken;
    }

    private HttpRequestMessage Ask(Uri realm, string? service, string? scope)
    {
        var query = new List<string>();
        if (service is not null)
        {
            query.Add($"service={Uri.EscapeDataString(service)}");
        }
        if (scope is not null)
        {
            query.AddRange(scope.Split(' ').Select(part => $"scope={Uri.EscapeDataString(part)}"));
        }
        var separator = realm.Query.Length > 0 ? "&" : "?";
        return new HttpRequestMessage(HttpMethod.Get, realm.AbsoluteUri + separator + string.Join('&', query))
        {
            Headers = { Authorization = Basic() },
        };
    }

    private static HttpRequestMessage Exchange(Uri realm, string? service, string? scope, string identity) => new(HttpMethod.Post, realm)
    {
        Content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "refresh_token",
            ["refresh_token"] = identity,
            ["client_id"] = "gantry",
            ["service"] = service ?? "",
            ["scope"] = scope ?? "",
        }),
    };
}
