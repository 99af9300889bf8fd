using System.Diagnostics;
using System.Runtime.Versioning;
using Gantry.Oci.Runtime;

[assembly: SupportedOSPlatform("linux")]

namespace Gantry.Runtime.Tests;

/// <summary>The published gantry-runtime, and a place for bundles that is removed with everything that ran in it.</summary>
public sealed partial class RuntimeFixture : IDisposable
{
    private static readonly Lock PublishLock = new();

    private static int s_count;

    public RuntimeFixture()
    {
        RuntimePath = Publish();
        Directory = System.IO.Directory.CreateTempSubdirectory("gantry-rt-").FullName;
    }

    public string Directory { get; }

    public string RuntimePath { get; }

    public string Root => $"{Directory}/root";

    /// <summary>A new bundle with busybox that runs a shell command; <paramref name="change"/> alters its configuration.</summary>
    public TestBundle NewBundle(string command, Action<RuntimeSpec>? change = null)
    {
        var id = $"grt-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}";
        var path = $"{Directory}/{id}";
        foreach (var name in (ReadOnlySpan<string>)["bin", "proc", "sys", "dev", "tmp", "etc"])
        {
            System.IO.Directory.CreateDirectory($"{path}/rootfs/{name}");
        }
        File.Copy("/bin/busybox", $"{path}/rootfs/bin/busybox");
        foreach (var name in "sh ls cat sleep ps id head tail dd stty wc ln mkdir touch env kill tr readlink grep".Split(' '))
        {
            File.CreateSymbolicLink($"{path}/rootfs/bin/{name}", "busybox");
        }
        var spec = DefaultSpec.Create();
        spec.Process!.Args = ["sh", "-c", command];
        spec.Linux!.CgroupsPath = $"/gantry-test/{id}";
        change?.Invoke(spec);
        File.WriteAllBytes($"{path}/config.json", RuntimeSpecJson.Write(spec));
        System.IO.Directory.CreateDirectory($"{path}/state");
        return new TestBundle(this, id, path);
    }

    public void Dispose()
    {
        if (System.IO.Directory.Exists(Root))
        {
            foreach (var directory in System.IO.Directory.GetDirectories(Root))
            {
                RunAsync("delete", "--force", Path.GetFileName(directory)).GetAwaiter().GetResult();
            }
        }
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    /// <summary>Publishes the NativeAOT binary, unless the published one is newer than every source.</summary>
    private static string Publish()
    {
        var top = AppContext.BaseDirectory;
        while (!File.Exists($"{top}/Gantry.slnx"))
        {
            top = Path.GetDirectoryName(top) ?? throw new InvalidOperationException("Gantry.slnx was not found");
        }
        var binary = $"{top}/artifacts/publish/Gantry.Runtime/release_linux-x64/gantry-runtime";
        lock (PublishLock)
        {
            var newest = new[] { "Runtime", "Monitor", "Linux", "Oci", "Faults" }
                .SelectMany(room => System.IO.Directory.EnumerateFiles($"{top}/src/Gantry.{room}", "*.cs*", SearchOption.AllDirectories))
                .Max(File.GetLastWriteTimeUtc);
            if (!File.Exists(binary) || File.GetLastWriteTimeUtc(binary) < newest)
            {
                string[] arguments = ["publish", $"{top}/src/Gantry.Runtime", "-c", "Release", "-r", "linux-x64", "-v", "q"];
                using var process = Process.Start(new ProcessStartInfo("dotnet", arguments))!;
                process.WaitForExit();
                Assert.Equal(0, process.ExitCode);
                File.SetLastWriteTimeUtc(binary, DateTime.UtcNow);
            }
        }
        return binary;
    }
}
