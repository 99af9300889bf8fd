using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Resources;

/// <summary>
/// What is particular about a resource; the base class is a resource without particulars. All trees are in the stored
/// version's form, normalized and (but for <see cref="ApplyDefaults"/>) defaulted.
/// </summary>
internal class ResourceStrategy
{
    /// <summary>The dotted paths that field selectors may name, besides metadata.name and metadata.namespace.</summary>
    public virtual string[] SelectablePaths => [];

    /// <summary>Whether metadata.generation counts changes of the spec.</summary>
    public virtual bool CountsGenerations => false;

    /// <summary>Whether the status is changed only through its subresource.</summary>
    public virtual bool StatusIsSeparate => true;

    /// <summary>Whether updates may omit the resource version.</summary>
    public virtual bool AllowsUnconditionalUpdate => true;

    /// <summary>Whether updates may create (upstream: leases, endpoints, rbac and others).</summary>
    public virtual bool AllowsCreateOnUpdate => false;

    /// <summary>Checks the name; the messages are causes. Called for metadata.name.</summary>
    public virtual IEnumerable<string> CheckName(string name) => Names.DnsSubdomain(name);

    /// <summary>What a selectable path that the object does not have counts as.</summary>
    public virtual string SelectableDefault(string path) => "";

    /// <summary>The stored form's path of a path that a field selector names.</summary>
    public virtual string StoredFieldPath(string path) => path;

    /// <summary>Adds the defaults that the table cannot declare; runs after the declared ones.</summary>
    public virtual void ApplyDefaults(JsonMap obj)
    {
    }

    /// <summary>Sets what the server decides at creation.</summary>
    public virtual void PrepareForCreate(JsonMap obj)
    {
    }

    /// <summary>Carries over what an update may not change silently.</summary>
    public virtual void PrepareForUpdate(JsonMap obj, JsonMap old)
    {
    }

    /// <summary>Carries over what a status update may not change.</summary>
    public virtual void PrepareForStatusUpdate(JsonMap obj, JsonMap old)
    {
    }

    /// <summary>Checks a whole object, at creation and after an update.</summary>
    public virtual void Validate(JsonMap obj, FieldErrors errors)
    {
    }

    /// <summary>Checks what an update changes.</summary>
    public virtual void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
    {
    }

    /// <summary>Checks what a status update changes.</summary>
    public virtual void ValidateStatusUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
    {
    }

    /// <summary>
    /// Reserves and releases what the object holds outside itself (addresses, ports): adds store operations that are
    /// committed with the object. <c>obj</c> is null for a deletion, <c>old</c> for a creation.
    /// </summary>
    public virtual ValueTask AllocateAsync(AllocationContext context, JsonMap? obj, JsonMap? old) => ValueTask.CompletedTask;

    /// <summary>The grace period of a deletion in seconds; 0 deletes at once.</summary>
    public virtual long GracePeriod(JsonMap obj, long? requested) => 0;

    /// <summary>Finalizers outside the metadata that hold the object back (a namespace's spec.finalizers).</summary>
    public virtual bool HasOwnFinalizers(JsonMap obj) => false;

    /// <summary>Called when a deletion starts that has to wait.</summary>
    public virtual void MarkDeleting(JsonMap obj)
    {
    }
}
