using Gantry.Kube.Model;
using Gantry.Kube.Model.Meta.V1;

namespace Gantry.Kube.Client;

/// <summary>Owner references between objects.</summary>
public static class OwnerRefs
{
    /// <summary>The owner that controls the object, or null.</summary>
    public static OwnerReference? ControllerOf(IKubeObject obj) => obj.Metadata.OwnerReferences?.Find(owner => owner.Controller == true);

    /// <summary>A reference that makes <paramref name="owner"/> the controller of another object.</summary>
    public static OwnerReference ToController(IKubeObject owner) => new()
    {
        ApiVersion = owner.Resource.ApiVersion,
        Kind = owner.Resource.Kind,
        Name = owner.Metadata.Name!,
        Uid = owner.Metadata.Uid!,
        Controller = true,
        BlockOwnerDeletion = true,
    };
}
