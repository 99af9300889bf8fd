using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;

namespace Gantry.Kube.Api.Storage;

/// <summary>Where a paged list goes on: a revision and the last key that was returned. Opaque to clients.</summary>
internal sealed record ContinueToken(long Revision, string After)
{
    public string Encode()
        => Base64Url.EncodeToString(JsonTree.ToUtf8(new JsonMap { ["v"] = "meta.k8s.io/v1", ["rv"] = Revision, ["start"] = After }));

    public static ContinueToken Decode(string text)
    {
        try
        {
            var map = JsonTree.ParseMap(Base64Url.DecodeFromChars(text));
            if (map.Text("v") == "meta.k8s.io/v1" && map.Number("rv") is > 0 and var revision && map.Text("start") is { Length: > 0 } start)
            {
                return new ContinueToken(revision, start);
            }
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            throw Malformed(e.Message);
        }

        throw Malformed("incorrect encoding");
    }

    private static Exception Malformed(string reason) => StatusErrors.BadRequest($"continue key is not valid: {reason}");
}
