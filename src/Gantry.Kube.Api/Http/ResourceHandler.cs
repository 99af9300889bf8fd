using System.Globalization;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Selectors;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Schemas;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Http;

/// <summary>The verbs on resources and on their status.</summary>
internal sealed class ResourceHandler(ServerCore core)
{
    private const string PatchTypes = "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml";

    private readonly ResponseWriter _responses = new(core.Time);
    private readonly WatchResponse _watches = new(core.Reader, core.Time);

    public async Task HandleAsync(HttpContext http, RequestInfo info, ResourceType resource, UserInfo user)
    {
        if (!resource.Allows(info.Verb) && info.Subresource is null)
        {
            throw StatusErrors.MethodNotAllowed();
        }

        if ((info.Name is null && (info.Verb is "update" or "patch")) || (info.Name is not null && info.Verb == "create"))
        {
            throw StatusErrors.MethodNotAllowed();
        }

        if (resource.Namespaced && info.Namespace is null && info.Verb is not ("list" or "watch"))
        {
            throw info.Verb == "create" ? StatusErrors.MethodNotAllowed() : StatusErrors.UnknownPath();
        }

        if (!resource.Namespaced && info.Namespace is not null && resource.Plural != "namespaces")
        {
            throw StatusErrors.UnknownPath();
        }

        var ns = resource.Namespaced ? info.Namespace : null;
        var negotiated = Negotiated.Parse(http.Request.Headers.Accept);
        switch (info.Verb)
        {
            case "get":
                var obj = await core.Reader.GetAsync(resource, ns, info.Name!, http.RequestAborted).ConfigureAwait(false);
                await _responses.ObjectAsync(http, 200, resource, obj, negotiated).ConfigureAwait(false);
                break;
            case "list":
                var list = await core.Reader.ListAsync(resource, ns, Query(http, resource), http.RequestAborted).ConfigureAwait(false);
                await _responses.ListAsync(http, resource, list, negotiated).ConfigureAwait(false);
                break;
            case "watch" when negotiated.Format != BodyFormat.Json:
                // Watches are streamed as JSON only; client libraries that prefer protobuf accept it too.
                throw StatusErrors.NotAcceptable();
            case "watch":
                await _watches.WriteAsync(http, resource, ns, Query(http, resource), negotiated).ConfigureAwait(false);
                break;
            case "create":
                await CreateAsync(http, resource, ns, user, negotiated).ConfigureAwait(false);
                break;
            case "update":
                await UpdateAsync(http, info, resource, ns, user, negotiated).ConfigureAwait(false);
                break;
            case "patch":
                await PatchAsync(http, info, resource, ns, user, negotiated).ConfigureAwait(false);
                break;
            case "delete":
                await DeleteAsync(http, resource, ns, info.Name!, user, negotiated).ConfigureAwait(false);
                break;
            case "deletecollection":
                await DeleteCollectionAsync(http, resource, ns, user, negotiated).ConfigureAwait(false);
                break;
            default: throw StatusErrors.MethodNotAllowed();
        }
    }

    public static WriteOptions Options(HttpContext http, UserInfo user)
    {
        var query = http.Request.Query;
        var dryRun = query["dryRun"];
        if (dryRun.Count > 0 && dryRun.Any(static d => d is not ("" or "All")))
        {
            var errors = new Validation.FieldErrors();
            errors.NotSupported("dryRun", dryRun.ToString(), ["All"]);
            throw StatusErrors.Invalid("CreateOptions", "meta.k8s.io", "", errors);
        }

        var validation = query["fieldValidation"].ToString();
        if (validation is not ("" or "Ignore" or "Warn" or "Strict"))
        {
            var errors = new Validation.FieldErrors();
            errors.NotSupported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"]);
            throw StatusErrors.Invalid("CreateOptions", "meta.k8s.io", "", errors);
        }

        var agent = http.Request.Headers.UserAgent.ToString();
        var manager = query["fieldManager"].ToString();
        return new WriteOptions
        {
            User = user,
            DryRun = dryRun.Contains("All"),
            FieldManager = manager.Length > 0 ? manager : agent.Split('/')[0] is { Length: > 0 } program ? program : "unknown",
            FieldValidation = validation.Length > 0 ? validation : "Warn",
            Force = query["force"] == "true",
        };
    }

    public static void AddWarnings(HttpContext http, WriteOptions options)
    {
        foreach (var warning in options.Warnings.Distinct())
        {
            http.Response.Headers.Append("Warning", $"299 - {JsonTree.Quote(warning)}");
        }
    }

    public static async Task<(KubePatchType Type, object? Body)> ReadPatchAsync(HttpContext http, WriteOptions options)
    {
        KubePatchType? known = http.Request.ContentType?.Split(';')[0].Trim() switch
        {
            "application/json-patch+json" => KubePatchType.Json,
            "application/merge-patch+json" => KubePatchType.Merge,
            "application/strategic-merge-patch+json" => KubePatchType.StrategicMerge,
            "application/apply-patch+yaml" => KubePatchType.Apply,
            _ => null,
        };
        var type = known ?? throw StatusErrors.UnsupportedMediaType(PatchTypes);
        if (type == KubePatchType.Apply && http.Request.Query["fieldManager"].ToString().Length == 0)
        {
            var errors = new Validation.FieldErrors();
            errors.Required("fieldManager", "is required for apply patch");
            throw StatusErrors.Invalid("PatchOptions", "meta.k8s.io", "", errors);
        }

        if (type != KubePatchType.Apply && options.Force)
        {
            var errors = new Validation.FieldErrors();
            errors.Forbidden("force", "may not be specified for non-apply patch");
            throw StatusErrors.Invalid("PatchOptions", "meta.k8s.io", "", errors);
        }

        var duplicates = new List<string>();
        var body = BodyReader.Parse(await BodyReader.ReadAsync(http).ConfigureAwait(false), type == KubePatchType.Apply ? "application/yaml" : "application/json", duplicates);
        if (duplicates.Count > 0 && options.FieldValidation == "Strict")
        {
            throw StatusErrors.BadRequest("strict decoding error: " + string.Join(", ", duplicates));
        }

        if (options.FieldValidation == "Warn")
        {
            options.Warnings.AddRange(duplicates);
        }

        return (type, body);
    }

    private static ListQuery Query(HttpContext http, ResourceType resource)
    {
        var query = http.Request.Query;
        var version = ListQuery.ParseVersion(query["resourceVersion"]);
        var watch = query["watch"] is [("true" or "1")];
        return new ListQuery
        {
            Labels = ListQuery.ParseLabels(query["labelSelector"]),
            Fields = FieldMatcher.Parse(query["fieldSelector"], resource),
            Limit = int.TryParse(query["limit"], NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : 0,
            Continue = query["continue"],
            ResourceVersion = version,
            ResourceVersionMatch = query["resourceVersionMatch"] is [{ Length: > 0 } match] ? match : null,
            AllowBookmarks = query["allowWatchBookmarks"] is [("true" or "1")],
            SendInitialEvents = query["sendInitialEvents"] is [("true" or "1")],
            Timeout = !watch ? null
                : int.TryParse(query["timeoutSeconds"], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds > 0 ? TimeSpan.FromSeconds(seconds)

                // Upstream ends watches after 30 to 60 minutes, so that they spread over servers.
                : TimeSpan.FromMinutes(30 + Random.Shared.Next(30)),
        };
    }

    private async Task CreateAsync(HttpContext http, ResourceType resource, string? ns, UserInfo user, Negotiated negotiated)
    {
        var options = Options(http, user);
        var obj = BodyReader.ParseObject(await BodyReader.ReadAsync(http).ConfigureAwait(false), http.Request.ContentType, resource.Schema, options);
        var made = await core.CreateAsync(resource, ns, obj, options, http.RequestAborted).ConfigureAwait(false);
        AddWarnings(http, options);
        await _responses.ObjectAsync(http, 201, resource, made, negotiated).ConfigureAwait(false);
    }

    private async Task UpdateAsync(HttpContext http, RequestInfo info, ResourceType resource, string? ns, UserInfo user, Negotiated negotiated)
    {
        var options = Options(http, user);
        var obj = BodyReader.ParseObject(await BodyReader.ReadAsync(http).ConfigureAwait(false), http.Request.ContentType, resource.Schema, options);
        var (updated, created) = await core.UpdateAsync(resource, ns, info.Name!, info.Subresource, obj, options, http.RequestAborted).ConfigureAwait(false);
        AddWarnings(http, options);
        await _responses.ObjectAsync(http, created ? 201 : 200, resource, updated, negotiated).ConfigureAwait(false);
    }

    private async Task PatchAsync(HttpContext http, RequestInfo info, ResourceType resource, string? ns, UserInfo user, Negotiated negotiated)
    {
        var options = Options(http, user);
        var (type, body) = await ReadPatchAsync(http, options).ConfigureAwait(false);
        var (patched, created) = await core.Patcher.PatchAsync(resource, ns, info.Name!, info.Subresource, type, body, options, http.RequestAborted).ConfigureAwait(false);
        AddWarnings(http, options);
        await _responses.ObjectAsync(http, created ? 201 : 200, resource, patched, negotiated).ConfigureAwait(false);
    }

    private static async Task<(DeleteRequest Request, bool DryRun)> ReadDeleteAsync(HttpContext http)
    {
        var query = http.Request.Query;
        var body = await BodyReader.ReadAsync(http).ConfigureAwait(false);
        var options = body.Length == 0
            ? []
            : BodyReader.ParseObject(body, http.Request.ContentType, SchemaCatalog.BuiltIn.Get("meta/v1.DeleteOptions"), new WriteOptions { User = UserInfo.Anonymous, FieldValidation = "Ignore" });
        var request = new DeleteRequest(
            options.Number("gracePeriodSeconds") ?? (long.TryParse(query["gracePeriodSeconds"], out var grace) ? grace : null),
            options.Text("propagationPolicy") ?? (query["propagationPolicy"] is [{ Length: > 0 } policy] ? policy : null),
            options.Map("preconditions")?.Text("uid"),
            options.Map("preconditions")?.Text("resourceVersion"),
            options.GetValueOrDefault("orphanDependents") as bool? ?? (query["orphanDependents"] is [{ Length: > 0 } orphan] ? orphan == "true" : null));
        return (request, (options.List("dryRun")?.Contains("All") ?? false) || query["dryRun"].Contains("All"));
    }

    private async Task DeleteAsync(HttpContext http, ResourceType resource, string? ns, string name, UserInfo user, Negotiated negotiated)
    {
        var (request, dryRun) = await ReadDeleteAsync(http).ConfigureAwait(false);
        var options = new WriteOptions { User = user, DryRun = dryRun };
        var result = await core.Deleter.DeleteAsync(resource, ns, name, request, options, http.RequestAborted).ConfigureAwait(false);

        // Upstream answers with the object where it may linger, and with a Status otherwise.
        if (result.Gone && resource.Plural is not "pods")
        {
            var uid = result.Object.ToTree().Map("metadata")?.Text("uid");
            await ResponseWriter.TreeAsync(http, 200, StatusWriter.Success(name, resource.Group, resource.Plural, uid), negotiated.Format).ConfigureAwait(false);
            return;
        }

        await _responses.ObjectAsync(http, 200, resource, result.Object, negotiated with { Shape = ObjectShape.Full }).ConfigureAwait(false);
    }

    private async Task DeleteCollectionAsync(HttpContext http, ResourceType resource, string? ns, UserInfo user, Negotiated negotiated)
    {
        var (request, dryRun) = await ReadDeleteAsync(http).ConfigureAwait(false);
        var options = new WriteOptions { User = user, DryRun = dryRun };
        var list = await core.Reader.ListAsync(resource, ns, Query(http, resource), http.RequestAborted).ConfigureAwait(false);
        foreach (var item in list.Items)
        {
            try
            {
                await core.Deleter.DeleteAsync(resource, item.Namespace, item.Name, request, options, http.RequestAborted).ConfigureAwait(false);
            }
            catch (KubeStatusException e) when (e.Reason == "NotFound")
            {
                // Somebody else deleted it since the list.
            }
        }

        await _responses.ListAsync(http, resource, list, negotiated).ConfigureAwait(false);
    }
}
