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
    /// <summary>What a limit of 0 comes to: the first process is there, and no other can be made. systemd takes no 0.</summary>
    public const long LeastPids = 1;

    /// <summary>True when linux.resources.pids.limit 0 is a limit: since version 1.3 of the specification. Before, it was none.</summary>
    public static bool ZeroIsALimit(RuntimeSpec spec) =>
        spec.OciVersion.Split('.') is [_, var minor, ..] && int.TryParse(minor, out var number) && number >= 3;

    public static BundleLoader Load(string directory)
    {
        var absolute = Path.GetFullPath(directory);
        var path = $"{absolute}/config.json";
        var spec = RuntimeSpecJson.ReadSpec(Read(path), path);
        SpecCheck.Check(spec, path);
        if (spec.Linux?.Resources?.Pids is { Limit: 0 } pids && ZeroIsALimit(spec))
        {
            pids.Limit = LeastPids;
        }
        return new BundleLoader(absolute, spec, Path.GetFullPath(spec.Root!.Path, absolute));
    }

    /// <summary>What a further process of the container needs; checked when the container was created.</summary>
    public static RuntimeSpec LoadForExec(string directory)
    {
        var path = $"{directory}/config.json";
        return RuntimeSpecJson.ReadSpecForExec(Read(path), path);
    }

    private static byte[] Read(string path) =>
        SmallFile.TryRead(path)
        ?? throw new FaultException(FaultKind.NotFound, $"{path}: no such file; a bundle holds a config.json");
}
