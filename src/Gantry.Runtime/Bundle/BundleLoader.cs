using Gantry.Faults;
using Gantry.Oci.Runtime;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Bundle;

/// <summary>A bundle: its directory and its checked configuration.</summary>
/// <param name="Directory">Absolute path.</param>
/// <param name="Spec">The configuration, after <see cref="SpecCheck"/>.</param>
/// <param name="Rootfs">Absolute path of the root file system.</param>
internal sealed record BundleLoader(string Directory, RuntimeSpec Spec, string Rootfs)
{
    public static BundleLoader Load(string directory)
    {
        var absolute = Path.GetFullPath(directory);
        var path = $"{absolute}/config.json";
        var json = SmallFile.TryRead(path)
            ?? throw new FaultException(FaultKind.NotFound, $"{path}: no such file; a bundle holds a config.json");
        var spec = RuntimeSpecJson.ReadSpec(json, path);
        SpecCheck.Check(spec, path);
        return new BundleLoader(absolute, spec, Path.GetFullPath(spec.Root!.Path, absolute));
    }
}
