using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Gantry.Docker.Model;
using Gantry.Faults;

namespace Gantry.Docker.Translation;

/// <summary>docker login: asks a registry whether it accepts a user and password.</summary>
internal static class RegistryLogin
{
    private static readonly HttpClient s_client = new() { Timeout = TimeSpan.FromSeconds(30) };

    /// <summary>Throws <c>Unauthenticated</c> when the registry refuses, <c>Unavailable</c> when it cannot be asked.</summary>
    internal static async Task CheckAsync(AuthJson credentials, CancellationToken cancellationToken)
    {
        string server = credentials.ServerAddress is { Length: > 0 } address && !address.Contains("index.docker.io", StringComparison.Ordinal) ? address : "registry-1.docker.io";
        string host = server.Replace("https://", "", StringComparison.Ordinal).Replace("http://", "", StringComparison.Ordinal).TrimEnd('/');
        bool local = host.StartsWith("localhost", StringComparison.Ordinal) || host.StartsWith("127.", StringComparison.Ordinal);
        Uri url = new($"{(local ? "http" : "https")}://{host}/v2/");
        AuthenticationHeaderValue basic = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credentials.Username}:{credentials.Password}")));
        try
        {
            using HttpResponseMessage first = await SendAsync(url, basic, cancellationToken).ConfigureAwait(false);
            if (first.IsSuccessStatusCode)
            {
                return;
            }

            AuthenticationHeaderValue? bearer = first.Headers.WwwAuthenticate.FirstOrDefault(header => header.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase));
            if (first.StatusCode == HttpStatusCode.Unauthorized && bearer?.Parameter is { } parameters && TokenUrl(parameters, credentials.Username ?? "") is { } tokens)
            {
                using HttpResponseMessage second = await SendAsync(tokens, basic, cancellationToken).ConfigureAwait(false);
                if (second.IsSuccessStatusCode)
                {
                    return;
                }
            }

            throw new FaultException(FaultKind.Unauthenticated, $"login attempt to {url} failed with status: {(int)first.StatusCode} {first.ReasonPhrase}");
        }
        catch (HttpRequestException exception)
        {
            throw new FaultException(FaultKind.Unavailable, $"Get \"{url}\": {exception.Message}", exception);
        }
    }

    private static async Task<HttpResponseMessage> SendAsync(Uri url, AuthenticationHeaderValue authorization, CancellationToken cancellationToken)
    {
        using HttpRequestMessage message = new(HttpMethod.Get, url);
        message.Headers.Authorization = authorization;
        return await s_client.SendAsync(message, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The token server of a challenge: realm="...",service="...".</summary>
    private static Uri? TokenUrl(string parameters, string user)
    {
        Dictionary<string, string> values = [];
        foreach (string part in parameters.Split(','))
        {
            string[] pair = part.Split('=', 2);
            if (pair.Length == 2)
            {
                values[pair[0].Trim()] = pair[1].Trim('"');
            }
        }

        return values.TryGetValue("realm", out string? realm)
            ? new Uri($"{realm}?service={Uri.EscapeDataString(values.GetValueOrDefault("service", ""))}&account={Uri.EscapeDataString(user)}&offline_token=true&client_id=gantry")
            : null;
    }
}
