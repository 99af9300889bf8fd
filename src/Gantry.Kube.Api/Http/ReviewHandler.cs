using Gantry.Kube.Api.Authentication;
using Gantry.Kube.Api.Authorization;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Http;

/// <summary>The kinds that are questions and are not stored: token and access reviews; and POST to bindings.</summary>
internal sealed class ReviewHandler(ServerCore core, SubresourceService subresources, RbacAuthorizer authorizer, TokenAuthority? tokens)
{
    public static bool Handles(ResourceType resource) => resource.Group is "authentication.k8s.io" or "authorization.k8s.io" || resource.Qualified == "bindings";

    public async Task HandleAsync(HttpContext http, RequestInfo info, ResourceType resource, UserInfo user)
    {
        if (info.Verb != "create" || info.Name is not null)
        {
            throw StatusErrors.MethodNotAllowed();
        }

        var options = ResourceHandler.Options(http, user);
        var obj = BodyReader.ParseObject(await BodyReader.ReadAsync(http).ConfigureAwait(false), http.Request.ContentType, resource.Schema, options);
        var format = Negotiated.Parse(http.Request.Headers.Accept).Format;
        var cancel = http.RequestAborted;
        var answer = resource.Kind switch
        {
            "Binding" => await subresources.BindAsync(core.Registry.Core("pods"), info.Namespace!, obj.Map("metadata")?.Text("name") ?? "", obj, options, cancel).ConfigureAwait(false),
            "TokenReview" => await ReviewTokenAsync(obj, cancel).ConfigureAwait(false),
            "SelfSubjectReview" => ReviewSelf(obj, user),
            "SelfSubjectAccessReview" => await ReviewAccessAsync(obj, user, null, cancel).ConfigureAwait(false),
            "SubjectAccessReview" => await ReviewAccessAsync(obj, Subject(obj, resource), null, cancel).ConfigureAwait(false),
            "LocalSubjectAccessReview" => await ReviewAccessAsync(obj, Subject(obj, resource), info.Namespace, cancel).ConfigureAwait(false),
            _ => await ReviewRulesAsync(obj, user, cancel).ConfigureAwait(false),
        };
        ResourceHandler.AddWarnings(http, options);
        await ResponseWriter.TreeAsync(http, 201, answer, format).ConfigureAwait(false);
    }

    private static JsonMap ReviewSelf(JsonMap obj, UserInfo user)
    {
        obj["metadata"] = new JsonMap { ["creationTimestamp"] = null };
        obj["status"] = new JsonMap { ["userInfo"] = Describe(user) };
        return obj;
    }

    private async ValueTask<JsonMap> ReviewTokenAsync(JsonMap obj, CancellationToken cancellationToken)
    {
        var token = obj.Map("spec")?.Text("token") ?? "";
        var audiences = (obj.Map("spec")?.List("audiences") ?? []).OfType<string>().ToList();
        var identity = tokens is null ? null : await tokens.AuthenticateAsync(token, audiences.Count > 0 ? audiences : null, cancellationToken).ConfigureAwait(false);
        obj["status"] = identity is null
            ? new JsonMap { ["authenticated"] = false, ["user"] = new JsonMap(), ["error"] = "invalid bearer token" }
            : new JsonMap { ["authenticated"] = true, ["user"] = Describe(identity.User), ["audiences"] = identity.Audiences.ToList<object?>() };
        return obj;
    }

    private async ValueTask<JsonMap> ReviewAccessAsync(JsonMap obj, UserInfo user, string? ns, CancellationToken cancellationToken)
    {
        var spec = obj.MapOrNew("spec");
        var resource = spec.Map("resourceAttributes");
        var path = spec.Map("nonResourceAttributes");
        if ((resource is null) == (path is null))
        {
            var errors = new Validation.FieldErrors();
            errors.Invalid("spec.resourceAttributes", obj.Text("kind"), "exactly one of nonResourceAttributes or resourceAttributes must be specified");
            throw StatusErrors.Invalid(obj.Text("kind")!, "authorization.k8s.io", "", errors);
        }

        if (ns is not null && resource?.Text("namespace") != ns)
        {
            throw StatusErrors.BadRequest($"spec.resourceAttributes.namespace must match namespace: {ns}");
        }

        var wanted = resource is not null
            ? new AccessAttributes(resource.Text("verb") ?? "", resource.Text("group") ?? "", resource.Text("resource") ?? "", resource.Text("subresource") ?? "", resource.Text("name") ?? "", resource.Text("namespace") ?? "")
            : new AccessAttributes(path!.Text("verb") ?? "", Path: path.Text("path") ?? "");
        var allowed = await authorizer.AllowsAsync(user, wanted, cancellationToken).ConfigureAwait(false);
        obj["status"] = allowed ? new JsonMap { ["allowed"] = true } : new JsonMap { ["allowed"] = false };
        return obj;
    }

    private async ValueTask<JsonMap> ReviewRulesAsync(JsonMap obj, UserInfo user, CancellationToken cancellationToken)
    {
        var ns = obj.Map("spec")?.Text("namespace") ?? "";
        if (ns.Length == 0)
        {
            throw StatusErrors.BadRequest("no namespace on request");
        }

        var rules = RbacAuthorizer.IsMaster(user)
            ? [new AccessRule(["*"], ["*"], ["*"], [], []), new AccessRule(["*"], [], [], [], ["*"])]
            : (await authorizer.PolicyAsync(cancellationToken).ConfigureAwait(false)).RulesFor(user, ns).ToList();
        obj["status"] = new JsonMap
        {
            ["resourceRules"] = rules.Where(static r => r.Resources.Count > 0).Select(static r => (object?)Describe(r)).ToList(),
            ["nonResourceRules"] = rules.Where(static r => r.Paths.Count > 0).Select(static r => (object?)new JsonMap { ["verbs"] = List(r.Verbs), ["nonResourceURLs"] = List(r.Paths) }).ToList(),
            ["incomplete"] = false,
        };
        return obj;
    }

    private static UserInfo Subject(JsonMap obj, ResourceType resource)
    {
        var spec = obj.MapOrNew("spec");
        var name = spec.Text("user") ?? "";
        var groups = (spec.List("groups") ?? []).OfType<string>().ToList();
        if (name.Length == 0 && groups.Count == 0)
        {
            var errors = new Validation.FieldErrors();
            errors.Invalid("spec.user", "", "at least one of user or group must be specified");
            throw StatusErrors.Invalid(resource, "", errors);
        }

        return new UserInfo(name, groups, spec.Text("uid") ?? "");
    }

    private static JsonMap Describe(AccessRule rule)
    {
        var map = new JsonMap { ["verbs"] = List(rule.Verbs), ["apiGroups"] = List(rule.Groups), ["resources"] = List(rule.Resources) };
        if (rule.Names.Count > 0)
        {
            map["resourceNames"] = List(rule.Names);
        }

        return map;
    }

    private static JsonMap Describe(UserInfo user)
    {
        var map = new JsonMap { ["username"] = user.Name };
        if (user.Uid.Length > 0)
        {
            map["uid"] = user.Uid;
        }

        map["groups"] = List(user.Groups);
        if (user.Extra is { Count: > 0 } extra)
        {
            var values = new JsonMap();
            foreach (var (key, list) in extra)
            {
                values[key] = List(list);
            }

            map["extra"] = values;
        }

        return map;
    }

    private static List<object?> List(IEnumerable<string> texts) => [.. texts];
}
