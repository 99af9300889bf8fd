using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Patches;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Http;

/// <summary>The verbs on subresources other than status.</summary>
internal sealed class SubresourceHandler(ServerCore core, SubresourceService service)
{
    private readonly ResponseWriter _responses = new(core.Time);

    public async Task HandleAsync(HttpContext http, RequestInfo info, ResourceType resource, UserInfo user)
    {
        var options = ResourceHandler.Options(http, user);
        var negotiated = Negotiated.Parse(http.Request.Headers.Accept);
        switch (info.Subresource, info.Verb)
        {
            case ("scale", "get"):
                var stored = await core.Reader.GetAsync(resource, info.Namespace, info.Name!, http.RequestAborted).ConfigureAwait(false);
                await ResponseWriter.TreeAsync(http, 200, SubresourceService.ScaleOf(stored), negotiated.Format).ConfigureAwait(false);
                break;
            case ("scale", "update" or "patch"):
                var change = await ScaleChangeAsync(http, info, options).ConfigureAwait(false);
                var scale = await service.UpdateScaleAsync(resource, info.Namespace, info.Name!, change, options, http.RequestAborted).ConfigureAwait(false);
                await ResponseWriter.TreeAsync(http, 200, scale, negotiated.Format).ConfigureAwait(false);
                break;
            case ("finalize", "update"):
                var body = BodyReader.ParseObject(await BodyReader.ReadAsync(http).ConfigureAwait(false), http.Request.ContentType, resource.Schema, options);
                var final = await service.FinalizeAsync(resource, info.Name!, body, options, http.RequestAborted).ConfigureAwait(false);
                await _responses.ObjectAsync(http, 200, resource, final, negotiated).ConfigureAwait(false);
                break;
            case ("binding" or "eviction" or "token", "create"):
                var schema = core.Registry.Catalog.Get(info.Subresource switch { "binding" => "core/v1.Binding", "eviction" => "policy/v1.Eviction", _ => "authentication/v1.TokenRequest" });
                var tree = BodyReader.ParseTree(await BodyReader.ReadAsync(http).ConfigureAwait(false), http.Request.ContentType, schema);
                var result = await service.CreateAsync(resource, info.Namespace, info.Name!, info.Subresource, tree, options, http.RequestAborted).ConfigureAwait(false);
                await ResponseWriter.TreeAsync(http, 201, result, negotiated.Format).ConfigureAwait(false);
                break;
            default: throw StatusErrors.MethodNotAllowed();
        }
    }

    private async Task<Func<JsonMap, JsonMap>> ScaleChangeAsync(HttpContext http, RequestInfo info, WriteOptions options)
    {
        var schema = core.Registry.Catalog.Get("autoscaling/v1.Scale");
        if (info.Verb == "update")
        {
            var replacement = BodyReader.ParseObject(await BodyReader.ReadAsync(http).ConfigureAwait(false), http.Request.ContentType, schema, options);
            return _ => JsonTree.Clone(replacement);
        }

        var (type, patch) = await ResourceHandler.ReadPatchAsync(http, options).ConfigureAwait(false);
        return type switch
        {
            KubePatchType.Json => present => JsonPatch.Apply(present, patch),
            KubePatchType.Merge or KubePatchType.StrategicMerge => present => MergePatch.Apply(present, (JsonMap)patch!),
            _ => present =>
            {
                present.MapOrNew("metadata").Remove("resourceVersion");
                return MergePatch.Apply(present, (JsonMap)patch!);
            }
            ,
        };
    }
}
