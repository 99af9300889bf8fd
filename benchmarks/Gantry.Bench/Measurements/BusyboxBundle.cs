using Gantry.Bench.Instances;
using Gantry.Engine.Specs;
using Gantry.Oci.Runtime;

namespace Gantry.Bench.Measurements;

/// <summary>An OCI bundle of the machine's static busybox, as an engine makes it.</summary>
internal static class BusyboxBundle
{
    private static readonly string[] s_places = ["/bin/busybox", "/usr/bin/busybox"];

    /// <summary>
    /// Makes the bundle: all usual namespaces, mounts and masked paths, limits of memory, processes and processor time, and
    /// the engine's default system call filter.
    /// </summary>
    public static void Make(string directory, params string[] arguments)
    {
        MakeRootfs(Path.Combine(directory, "rootfs"));
        var spec = DefaultSpec.Create();
        // Debian 12's crun knows no later version.
        spec.OciVersion = "1.0.0";
        spec.Process!.Args = [.. arguments];
        spec.Linux!.Seccomp = DefaultSeccomp.Build([.. DefaultSpec.Capabilities]);
        spec.Linux.Resources!.Memory = new MemorySpec { Limit = 256 << 20 };
        spec.Linux.Resources.Pids = new PidsSpec { Limit = 200 };
        spec.Linux.Resources.Cpu = new CpuSpec { Shares = 512, Quota = 100_000, Period = 100_000 };
        File.WriteAllBytes(Path.Combine(directory, "config.json"), RuntimeSpecJson.Write(spec));
    }

    public static void MakeRootfs(string directory)
    {
        var binaries = Directory.CreateDirectory(Path.Combine(directory, "bin")).FullName;
        var busybox = s_places.FirstOrDefault(File.Exists) ?? throw new BenchException("busybox is not installed: apt-get install busybox-static");
        File.Copy(busybox, Path.Combine(binaries, "busybox"));
        foreach (var name in (string[])["true", "sleep"])
        {
            File.CreateSymbolicLink(Path.Combine(binaries, name), "busybox");
        }

        foreach (var name in (string[])["proc", "sys", "dev", "etc", "tmp"])
        {
            Directory.CreateDirectory(Path.Combine(directory, name));
        }
    }
}
