using System.Buffers;
using System.Globalization;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Tables;
using Gantry.Kube.Client;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Http;

/// <summary>Streams a watch as JSON lines. Frames of full objects are the shared, once encoded ones.</summary>
internal sealed class WatchResponse(ObjectReader reader, TimeProvider time)
{
    public async Task WriteAsync(HttpContext http, ResourceType resource, string? ns, ListQuery query, Negotiated negotiated)
    {
        var cancel = http.RequestAborted;
        var output = http.Response.BodyWriter;
        var columnsSent = false;
        try
        {
            await using var events = reader.WatchAsync(resource, ns, query, cancel).GetAsyncEnumerator(cancel);
            var next = events.MoveNextAsync();
            Start(http);
            while (true)
            {
                if (!next.IsCompleted)
                {
                    await output.FlushAsync(cancel).ConfigureAwait(false);
                }

                if (!await next.ConfigureAwait(false))
                {
                    break;
                }

                var change = events.Current;
                output.Write(Frame(resource, change, negotiated, http, columnsSent).Span);
                columnsSent = true;
                next = events.MoveNextAsync();
            }
        }
        catch (KubeStatusException e)
        {
            Start(http);
            output.Write(JsonTree.ToUtf8(new JsonMap { ["type"] = "ERROR", ["object"] = StatusWriter.Failure(e) }));
            output.Write("\n"u8);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The client has gone.
            return;
        }

        await output.FlushAsync(cancel).ConfigureAwait(false);
    }

    private static void Start(HttpContext http)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.StatusCode = 200;
            http.Response.ContentType = "application/json";
        }
    }

    private ReadOnlyMemory<byte> Frame(ResourceType resource, WatchEvent change, Negotiated negotiated, HttpContext http, bool columnsSent)
    {
        if (change.Record is not { } record)
        {
            return Bookmark(resource, change, negotiated);
        }

        if (negotiated.Shape == ObjectShape.Full && resource.StoredAs == resource)
        {
            return record.Frame(change.Type);
        }

        var tree = record.Shown(change.Type).Stored.As(resource).ToTree();
        var shown = negotiated.Shape switch
        {
            ObjectShape.Table => TableRenderer.Render(resource, [tree], http.Request.Query["includeObject"], time.GetUtcNow(), withColumns: !columnsSent),
            ObjectShape.Metadata => TableRenderer.Metadata(tree),
            _ => tree,
        };
        return Line(change.Type.ToString().ToUpperInvariant(), shown);
    }

    private static byte[] Bookmark(ResourceType resource, WatchEvent change, Negotiated negotiated)
    {
        var metadata = new JsonMap { ["resourceVersion"] = change.Revision.ToString(CultureInfo.InvariantCulture) };
        if (change.EndsInitialEvents)
        {
            metadata["annotations"] = new JsonMap { ["k8s.io/initial-events-end"] = "true" };
        }

        return Line("BOOKMARK", negotiated.Shape switch
        {
            ObjectShape.Table => new JsonMap { ["kind"] = "Table", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata, ["columnDefinitions"] = null, ["rows"] = new List<object?>() },
            ObjectShape.Metadata => new JsonMap { ["kind"] = "PartialObjectMetadata", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata },
            _ => new JsonMap { ["kind"] = resource.Kind, ["apiVersion"] = resource.ApiVersion, ["metadata"] = metadata },
        });
    }

    private static byte[] Line(string type, JsonMap obj)
        => [.. JsonTree.ToUtf8(new JsonMap { ["type"] = type, ["object"] = obj }), (byte)'\n'];
}
