using System.Text.Json;
using Gantry.Docker.Model;
using Gantry.Faults;
using Gantry.Images;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Translation;

/// <summary>Reads credentials from the headers X-Registry-Auth and X-Registry-Config (base64url of JSON).</summary>
internal static class RegistryAuth
{
    /// <summary>The credentials of a pull or push; null when the client sent none.</summary>
    internal static RegistryCredentials? Of(HttpRequest request)
    {
        AuthJson? json = Decode(request.Headers["X-Registry-Auth"].ToString(), bytes => JsonSerializer.Deserialize(bytes, DockerJson.Default.AuthJson));
        return Credentials(json);
    }

    /// <summary>The credentials of a build, by registry.</summary>
    internal static Func<string, RegistryCredentials?> OfBuild(HttpRequest request)
    {
        Dictionary<string, AuthJson> all = Decode(
            request.Headers["X-Registry-Config"].ToString(), bytes => JsonSerializer.Deserialize(bytes, DockerJson.Default.DictionaryStringAuthJson)) ?? [];
        return domain => Credentials(
            all.GetValueOrDefault(domain) ?? (domain == "docker.io" ? all.GetValueOrDefault("https://index.docker.io/v1/") : null));
    }

    private static RegistryCredentials? Credentials(AuthJson? json) =>
        json is null || (string.IsNullOrEmpty(json.Username) && string.IsNullOrEmpty(json.IdentityToken) && string.IsNullOrEmpty(json.RegistryToken))
            ? null
            : new RegistryCredentials(json.Username, json.Password, json.IdentityToken is { Length: > 0 } identity ? identity : null, json.RegistryToken is { Length: > 0 } token ? token : null);

    private static T? Decode<T>(string header, Func<byte[], T?> read)
        where T : class
    {
        if (header.Length == 0)
        {
            return null;
        }

        try
        {
            string base64 = header.Replace('-', '+').Replace('_', '/');
            byte[] bytes = Convert.FromBase64String(base64.PadRight((base64.Length + 3) / 4 * 4, '='));
            return bytes.Length == 0 ? null : read(bytes);
        }
        catch (Exception exception) when (exception is FormatException or JsonException)
        {
            throw new FaultException(FaultKind.InvalidArgument, "invalid registry credentials header: " + exception.Message, exception);
        }
    }
}
