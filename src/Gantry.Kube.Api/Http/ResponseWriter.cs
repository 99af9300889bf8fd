using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Protobuf;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Tables;
using Gantry.Kube.Model.Schemas;
using Gantry.Schema;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Http;

/// <summary>Writes trees, objects and lists in the negotiated format and shape.</summary>
internal sealed class ResponseWriter(TimeProvider time)
{
    /// <summary>How much of a list is buffered before it is sent.</summary>
    private const int FlushBytes = 64 * 1024;

    private const string ProtobufType = "application/vnd.kubernetes.protobuf";

    public static async Task TreeAsync(HttpContext http, int code, JsonMap tree, BodyFormat format = BodyFormat.Json, string? contentType = null)
    {
        if (format == BodyFormat.Protobuf && SchemaOf(tree) is { } type)
        {
            await BytesAsync(http, code, ProtobufEncoder.Encode(tree, type), ProtobufType).ConfigureAwait(false);
            return;
        }

        var body = format == BodyFormat.Yaml ? Encoding.UTF8.GetBytes(YamlTree.ToText(tree)) : JsonTree.ToUtf8(tree, Pretty(http));
        await BytesAsync(http, code, body, contentType ?? (format == BodyFormat.Yaml ? "application/yaml" : "application/json")).ConfigureAwait(false);
    }

    public static async Task BytesAsync(HttpContext http, int code, ReadOnlyMemory<byte> body, string contentType)
    {
        http.Response.StatusCode = code;
        http.Response.ContentType = contentType;
        http.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.Body.WriteAsync(body, http.RequestAborted).ConfigureAwait(false);
        }
    }

    public async Task ObjectAsync(HttpContext http, int code, ResourceType resource, StoredObject obj, Negotiated negotiated)
    {
        obj = obj.As(resource);
        switch (negotiated.Shape)
        {
            case ObjectShape.Table:
                var table = TableRenderer.Render(resource, [obj.ToTree()], http.Request.Query["includeObject"], time.GetUtcNow());
                table["metadata"] = new JsonMap { ["resourceVersion"] = obj.Revision.ToString(CultureInfo.InvariantCulture) };
                await TreeAsync(http, code, table, negotiated.Format).ConfigureAwait(false);
                return;
            case ObjectShape.Metadata:
                await TreeAsync(http, code, TableRenderer.Metadata(obj.ToTree()), negotiated.Format).ConfigureAwait(false);
                return;
            default: break;
        }

        if (negotiated.Format != BodyFormat.Json || Pretty(http))
        {
            await TreeAsync(http, code, obj.ToTree(), negotiated.Format).ConfigureAwait(false);
            return;
        }

        var buffer = new ArrayBufferWriter<byte>(obj.Data.Length + 64);
        obj.WriteTo(buffer);
        await BytesAsync(http, code, buffer.WrittenMemory, "application/json").ConfigureAwait(false);
    }

    public async Task ListAsync(HttpContext http, ResourceType resource, ListResult list, Negotiated negotiated)
    {
        if (negotiated is { Format: BodyFormat.Json, Shape: ObjectShape.Full })
        {
            await StreamListAsync(http, resource, list).ConfigureAwait(false);
            return;
        }

        var trees = list.Items.Select(i => i.Stored.As(resource).ToTree());
        if (negotiated.Format == BodyFormat.Protobuf)
        {
            await BytesAsync(http, 200, ProtobufEncoder.EncodeList(ListMetadata(list), trees, resource.Schema), ProtobufType).ConfigureAwait(false);
            return;
        }

        var tree = negotiated.Shape switch
        {
            ObjectShape.Table => TableRenderer.Render(resource, trees, http.Request.Query["includeObject"], time.GetUtcNow()),
            ObjectShape.Metadata => new JsonMap { ["kind"] = "PartialObjectMetadataList", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = null, ["items"] = trees.Select(t => (object?)TableRenderer.Metadata(t)).ToList() },
            _ => new JsonMap { ["kind"] = resource.Kind + "List", ["apiVersion"] = resource.ApiVersion, ["metadata"] = null, ["items"] = trees.ToList<object?>() },
        };
        tree["metadata"] = ListMetadata(list);
        await TreeAsync(http, 200, tree, negotiated.Format).ConfigureAwait(false);
    }

    /// <summary>The schema of a tree by its apiVersion and kind; null for documents that have none (discovery).</summary>
    private static SchemaType? SchemaOf(JsonMap tree)
    {
        var (version, kind) = (tree.Text("apiVersion"), tree.Text("kind"));
        return kind == "Status"
            ? SchemaCatalog.BuiltIn.Get("meta/v1.Status")
            : SchemaCatalog.BuiltIn.Tables.Where(t => t.ApiVersion == version).SelectMany(static t => t.Types).FirstOrDefault(t => t.IsKind && t.Name == kind);
    }

    private static async Task StreamListAsync(HttpContext http, ResourceType resource, ListResult list)
    {
        http.Response.StatusCode = 200;
        http.Response.ContentType = "application/json";
        var output = http.Response.BodyWriter;
        Write(output, $"{{\"kind\":\"{resource.Kind}List\",\"apiVersion\":\"{resource.ApiVersion}\",\"metadata\":{JsonTree.ToText(ListMetadata(list))},\"items\":[");
        var pending = 0;
        for (var i = 0; i < list.Items.Count; i++)
        {
            if (i > 0)
            {
                output.Write(","u8);
            }

            list.Items[i].Stored.As(resource).WriteItemTo(output);
            pending += list.Items[i].Data.Length;
            if (pending > FlushBytes)
            {
                pending = 0;
                await output.FlushAsync(http.RequestAborted).ConfigureAwait(false);
            }
        }

        output.Write("]}\n"u8);
        await output.FlushAsync(http.RequestAborted).ConfigureAwait(false);
    }

    private static void Write(PipeWriter output, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        output.Write(bytes);
    }

    private static JsonMap ListMetadata(ListResult list)
    {
        var metadata = new JsonMap { ["resourceVersion"] = list.Revision.ToString(CultureInfo.InvariantCulture) };
        if (list.Continue is not null)
        {
            metadata["continue"] = list.Continue;
        }

        if (list.Remaining is { } remaining)
        {
            metadata["remainingItemCount"] = remaining;
        }

        return metadata;
    }

    private static bool Pretty(HttpContext http) => http.Request.Query["pretty"] is [("true" or "1")];
}
