using System.Net;
using Gantry.Oci;

namespace Gantry.Images.Distribution;

/// <summary>Where the repositories of a domain are served.</summary>
internal sealed record RegistryEndpoint(Uri BaseUri)
{
    /// <summary>The endpoints to try for a domain, in order.</summary>
    public static IReadOnlyList<RegistryEndpoint> For(string domain, ImageServiceOptions options, bool forPush)
    {
        if (domain == ImageReference.DefaultDomain)
        {
            var hub = new RegistryEndpoint(new Uri("https://registry-1.docker.io/"));
            return forPush ? [hub] : [.. options.RegistryMirrors.Select(mirror => new RegistryEndpoint(new Uri(mirror.TrimEnd('/') + "/"))), hub];
        }
        var scheme = IsLoopback(domain) || options.InsecureRegistries.Contains(domain, StringComparer.Ordinal) ? "http" : "https";
        return [new RegistryEndpoint(new Uri($"{scheme}://{domain}/"))];
    }

    private static bool IsLoopback(string domain)
    {
        var host = new Uri($"http://{domain}/").Host.Trim('[', ']');
        return host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
    }
}
