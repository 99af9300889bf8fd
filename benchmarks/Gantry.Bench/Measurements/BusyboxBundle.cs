using System.Text.Json.Nodes;
using Gantry.Bench.Instances;

namespace Gantry.Bench.Measurements;

/// <summary>An OCI bundle of the machine's static busybox.</summary>
internal static class BusyboxBundle
{
    private static readonly string[] s_places = ["/bin/busybox", "/usr/bin/busybox"];

    /// <summary>Makes the bundle: what `gantry-runtime spec` writes, with `true` as its process.</summary>
    public static async Task MakeAsync(string directory)
    {
        MakeRootfs(Path.Combine(directory, "rootfs"));
        await Command.RequireAsync(Repository.Runtime, ["spec", "--bundle", directory]);
        var path = Path.Combine(directory, "config.json");
        var config = JsonNode.Parse(await File.ReadAllTextAsync(path)) ?? throw new BenchException($"{path} is empty");
        // Debian 12's crun knows no later version.
        config["ociVersion"] = "1.0.0";
        config["process"]!["args"] = new JsonArray("/bin/true");
        config["process"]!["terminal"] = false;
        await File.WriteAllTextAsync(path, config.ToJsonString());
    }

    public static void MakeRootfs(string directory)
    {
        var binaries = Directory.CreateDirectory(Path.Combine(directory, "bin")).FullName;
        var busybox = s_places.FirstOrDefault(File.Exists) ?? throw new BenchException("busybox is not installed: apt-get install busybox-static");
        File.Copy(busybox, Path.Combine(binaries, "busybox"));
        File.CreateSymbolicLink(Path.Combine(binaries, "true"), "busybox");
        foreach (var name in (string[])["proc", "sys", "dev", "etc", "tmp"])
        {
            Directory.CreateDirectory(Path.Combine(directory, name));
        }
    }
}
