using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Apps.V1;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Deployments.</summary>
internal sealed class DeploymentResource : ResourceStrategy
{
    public override bool CountsGenerations => true;

    public override void ApplyDefaults(JsonMap obj)
    {
        var spec = obj.MapOrNew("spec");
        var strategy = spec.MapOrNew("strategy");
        if (strategy.Text("type") == "RollingUpdate")
        {
            var rolling = strategy.MapOrNew("rollingUpdate");
            rolling.Default("maxUnavailable", "25%");
            rolling.Default("maxSurge", "25%");
        }

        PodTemplateDefaults.Apply(spec.Map("template")?.Map("spec"), isPod: false);
    }

    public override void PrepareForCreate(JsonMap obj) => obj["status"] = new JsonMap();

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var spec = TypedTree.Read<Deployment>(obj).Spec ?? new();
        WorkloadRules.Validate(obj, spec.Replicas, spec.MinReadySeconds, spec.Selector, spec.Template, errors);
        ContainerRules.CheckNonNegative(spec.RevisionHistoryLimit, "spec.revisionHistoryLimit", errors);
        ContainerRules.CheckNonNegative(spec.ProgressDeadlineSeconds, "spec.progressDeadlineSeconds", errors);
        if (spec.ProgressDeadlineSeconds <= (spec.MinReadySeconds ?? 0))
        {
            errors.Invalid("spec.progressDeadlineSeconds", spec.ProgressDeadlineSeconds, "must be greater than minReadySeconds");
        }

        ValidateStrategy(spec, errors);
    }

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
        => WorkloadRules.ValidateSelectorUnchanged(obj, old, errors);

    private static void ValidateStrategy(DeploymentSpec spec, FieldErrors errors)
    {
        var rolling = spec.Strategy?.RollingUpdate;
        if (spec.Strategy?.Type == "Recreate" && rolling is not null)
        {
            errors.Forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'");
            return;
        }

        if (rolling is null)
        {
            return;
        }

        CheckPart(rolling.MaxUnavailable, "spec.strategy.rollingUpdate.maxUnavailable", errors);
        CheckPart(rolling.MaxSurge, "spec.strategy.rollingUpdate.maxSurge", errors);
        if (rolling.MaxUnavailable?.Scale(100, false) == 0 && rolling.MaxSurge?.Scale(100, true) == 0)
        {
            errors.Invalid("spec.strategy.rollingUpdate.maxUnavailable", rolling.MaxUnavailable.Value.Text ?? (object)rolling.MaxUnavailable.Value.Number, "may not be 0 when `maxSurge` is 0");
        }

        if (rolling.MaxUnavailable is { IsString: true } share && share.Scale(100, false) > 100)
        {
            errors.Invalid("spec.strategy.rollingUpdate.maxUnavailable", share.Text, "must not be greater than 100%");
        }
    }

    private static void CheckPart(IntOrString? value, string field, FieldErrors errors)
    {
        if (value is not { } part)
        {
            return;
        }

        if (part.Scale(100, false) is not { } scaled)
        {
            errors.Invalid(field, part.Text, "must be an integer or percentage (e.g '5%')");
        }
        else if (scaled < 0)
        {
            errors.Invalid(field, part.Text ?? (object)part.Number, "must be greater than or equal to 0");
        }
    }
}
