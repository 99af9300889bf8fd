using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Gantry.Faults;
using Gantry.Images;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gantry.Registry;

/// <summary>
/// Serves the OCI distribution specification 1.1 over the engine's own images: pull, push (in one request, in chunks, or by
/// mounting), listing with paging, deletion and referrers. Blobs that the engine has are linked, not copied. There is no
/// authentication: bind it to loopback, or put something before it.
/// </summary>
public sealed class RegistryHandler
{
    private readonly ManifestEndpoints _manifests;
    private readonly BlobEndpoints _blobs;
    private readonly UploadEndpoints _uploads;
    private readonly ListEndpoints _lists;

    /// <summary>Serves the repositories and blobs of an image service.</summary>
    public RegistryHandler(ImageService images, TimeProvider? time = null)
    {
        _manifests = new ManifestEndpoints(images);
        _blobs = new BlobEndpoints(images);
        _uploads = new UploadEndpoints(images, time ?? TimeProvider.System);
        _lists = new ListEndpoints(images);
    }

    /// <summary>Answers one request, errors included. Only a client that went away makes it throw.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
        // Layers are as large as they are.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }
        try
        {
            var route = RegistryRoute.Parse(context.Request.Path.Value ?? "") ?? throw new RegistryException(404, "NOT_FOUND", "404 page not found");
            await DispatchAsync(context, route).ConfigureAwait(false);
        }
        catch (RegistryException error) when (!context.Response.HasStarted)
        {
            await WriteErrorAsync(context, error).ConfigureAwait(false);
        }
        catch (FaultException fault) when (!context.Response.HasStarted)
        {
            await WriteErrorAsync(context, Translate(fault)).ConfigureAwait(false);
        }
    }

    internal static async Task WriteJsonAsync<T>(HttpContext context, int status, T value, JsonTypeInfo<T> type, string contentType = "application/json")
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
        }
    }

    private Task DispatchAsync(HttpContext context, RegistryRoute route) => (route.Resource, context.Request.Method) switch
    {
        (RegistryResource.Base, "GET" or "HEAD") => BaseAsync(context),
        (RegistryResource.Catalog, "GET") => _lists.CatalogAsync(context),
        (RegistryResource.Tags, "GET") => _lists.TagsAsync(context, route.Name),
        (RegistryResource.Referrers, "GET") => _lists.ReferrersAsync(context, route.Name, route.Reference),
        (RegistryResource.Manifest, "GET" or "HEAD") => _manifests.GetAsync(context, route.Name, route.Reference),
        (RegistryResource.Manifest, "PUT") => _manifests.PutAsync(context, route.Name, route.Reference),
        (RegistryResource.Manifest, "DELETE") => _manifests.DeleteAsync(context, route.Name, route.Reference),
        (RegistryResource.Blob, "GET" or "HEAD") => _blobs.GetAsync(context, route.Name, route.Reference),
        (RegistryResource.Blob, "DELETE") => _blobs.DeleteAsync(context, route.Name, route.Reference),
        (RegistryResource.UploadStart, "POST") => _uploads.StartAsync(context, route.Name),
        (RegistryResource.Upload, "GET") => _uploads.StatusAsync(context, route.Name, route.Reference),
        (RegistryResource.Upload, "PATCH") => _uploads.AppendAsync(context, route.Name, route.Reference),
        (RegistryResource.Upload, "PUT") => _uploads.CompleteAsync(context, route.Name, route.Reference),
        (RegistryResource.Upload, "DELETE") => _uploads.CancelAsync(context, route.Name, route.Reference),
        _ => throw RegistryException.Unsupported(),
    };

    private static Task BaseAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = 2;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync("{}", context.RequestAborted);
    }

    private static Task WriteErrorAsync(HttpContext context, RegistryException error) => WriteJsonAsync(
        context, error.Status, new ErrorList([new ErrorItem(error.Code, error.Message, error.Detail)]), RegistryJson.Default.ErrorList);

    private static RegistryException Translate(FaultException fault) => fault.Kind switch
    {
        FaultKind.InvalidArgument => new RegistryException(400, "UNSUPPORTED", fault.Message),
        FaultKind.NotFound => new RegistryException(404, "BLOB_UNKNOWN", fault.Message),
        FaultKind.ResourceExhausted => new RegistryException(507, "UNAVAILABLE", fault.Message),
        _ => new RegistryException(500, "UNKNOWN", fault.Message),
    };
}
