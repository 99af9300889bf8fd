using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.Admission;

/// <summary>Nothing is made in a namespace that does not exist or is being deleted; three namespaces cannot be deleted.</summary>
internal sealed class NamespaceLifecycle(ServerCore core) : IAdmission
{
    private static readonly string[] Immortal = ["default", "kube-system", "kube-public"];

    public async ValueTask CreateAsync(ResourceType resource, string? ns, JsonMap obj, WriteOptions options, CancellationToken cancellationToken)
    {
        if (!resource.Namespaced)
        {
            return;
        }

        var namespaces = core.Registry.Core("namespaces");
        var found = await core.Reader.TryGetAsync(namespaces, null, ns!, cancellationToken).ConfigureAwait(false)
            ?? throw StatusErrors.NotFound(namespaces, ns!);
        if (JsonProbe.ReadPath(found.Data.Span, "metadata.deletionTimestamp") is not null)
        {
            var name = obj.Map("metadata")?.Text("name");
            throw StatusErrors.Forbidden(resource, name, $"unable to create new content in namespace {ns} because it is being terminated");
        }
    }

    public ValueTask DeleteAsync(ResourceType resource, string? ns, string name, WriteOptions options, CancellationToken cancellationToken)
        => resource.Plural == "namespaces" && Immortal.Contains(name)
            ? throw StatusErrors.Forbidden(resource, name, "this namespace may not be deleted")
            : ValueTask.CompletedTask;
}
