using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Leases, whose updates may create (as upstream).</summary>
internal sealed class LeaseResource : ResourceStrategy
{
    public override bool AllowsCreateOnUpdate => true;

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        if (obj.Map("spec")?.Number("leaseDurationSeconds") is <= 0 and var duration)
        {
            errors.Invalid("spec.leaseDurationSeconds", duration, "must be greater than 0");
        }
    }
}
