using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.Admission;

/// <summary>One admission step: may change an object before it is validated, or refuse the request by throwing.</summary>
internal interface IAdmission
{
    ValueTask CreateAsync(ResourceType resource, string? ns, JsonMap obj, WriteOptions options, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    ValueTask UpdateAsync(ResourceType resource, JsonMap obj, JsonMap old, WriteOptions options, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    ValueTask DeleteAsync(ResourceType resource, string? ns, string name, WriteOptions options, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
