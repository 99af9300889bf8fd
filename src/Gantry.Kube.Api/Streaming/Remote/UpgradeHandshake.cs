using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Gantry.Kube.Api.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gantry.Kube.Api.Streaming.Remote;

/// <summary>Turns an HTTP/1.1 request into a WebSocket or a SPDY connection.</summary>
internal static class UpgradeHandshake
{
    /// <summary>RFC 6455, section 1.3.</summary>
    private const string WebSocketGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    public static bool WantsWebSocket(HttpContext http) => Wants(http, "websocket");

    public static bool WantsSpdy(HttpContext http) => Wants(http, "SPDY/3.1");

    /// <summary>Accepts a WebSocket with the first of the offered subprotocols that the client names.</summary>
    public static async Task<WebSocket> AcceptWebSocketAsync(HttpContext http, string[] offered)
    {
        var asked = http.Request.Headers.SecWebSocketProtocol.SelectMany(static v => v?.Split(',', StringSplitOptions.TrimEntries) ?? []).ToList();
        var protocol = offered.FirstOrDefault(asked.Contains) ?? throw StatusErrors.BadRequest($"unable to upgrade: no supported subprotocol among {string.Join(", ", asked)}");
        var key = http.Request.Headers.SecWebSocketKey.ToString();
        if (key.Length == 0)
        {
            throw StatusErrors.BadRequest("unable to upgrade: missing Sec-WebSocket-Key");
        }

        http.Response.Headers.Upgrade = "websocket";
        http.Response.Headers.SecWebSocketAccept = Convert.ToBase64String(Digest(key + WebSocketGuid));
        http.Response.Headers.SecWebSocketProtocol = protocol;
        var stream = await UpgradeAsync(http).ConfigureAwait(false);
        return WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.FromSeconds(30) });
    }

    /// <summary>Accepts SPDY/3.1 with one of the offered stream protocols.</summary>
    public static async Task<Stream> AcceptSpdyAsync(HttpContext http, string[] offered)
    {
        var asked = http.Request.Headers["X-Stream-Protocol-Version"].SelectMany(static v => v?.Split(',', StringSplitOptions.TrimEntries) ?? []).ToList();
        var protocol = offered.FirstOrDefault(asked.Contains);
        if (protocol is null)
        {
            http.Response.Headers["X-Accept-Stream-Protocol-Versions"] = offered;
            throw StatusErrors.ForbiddenPath($"unable to upgrade: unable to negotiate protocol: client supports {string.Join(", ", asked)}, server accepts {string.Join(", ", offered)}");
        }

        http.Response.Headers.Upgrade = "SPDY/3.1";
        http.Response.Headers["X-Stream-Protocol-Version"] = protocol;
        return await UpgradeAsync(http).ConfigureAwait(false);
    }

    private static bool Wants(HttpContext http, string protocol)
        => http.Request.Headers.Upgrade.Any(v => string.Equals(v, protocol, StringComparison.OrdinalIgnoreCase));

    private static Task<Stream> UpgradeAsync(HttpContext http)
    {
        var feature = http.Features.Get<IHttpUpgradeFeature>();
        if (feature is not { IsUpgradableRequest: true })
        {
            throw StatusErrors.BadRequest("unable to upgrade: the connection cannot be upgraded");
        }

        http.Response.Headers.Connection = "Upgrade";
        return feature.UpgradeAsync();
    }

#pragma warning disable CA5350 // The WebSocket handshake is defined with SHA-1; it protects nothing.
    private static byte[] Digest(string text) => SHA1.HashData(Encoding.ASCII.GetBytes(text));
#pragma warning restore CA5350
}
