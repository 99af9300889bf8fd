using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests.Attacks;

/// <summary>Mounts into a volume whose other user swaps directories for links meanwhile.</summary>
public sealed class MountRaceTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private const int Attempts = 30;

    // The container says what is mounted below its volume, and what it sees of the host.
    private const string Look = "grep -c ' /volume/' /proc/self/mountinfo; cat /volume/*/marker 2>/dev/null; true";

    /// <summary>CVE-2021-30465: the mount's target is a directory when it is checked and a link to the host when it is used.</summary>
    [Fact]
    public async Task Mount_TargetSwappedForALinkToTheHost_StaysInTheRoot()
    {
        var (bundle, host) = NewBundle("mount", new MountSpec
        {
            Destination = "/volume/swapped/inner",
            Type = "tmpfs",
            Source = "tmpfs",
        });
        Directory.CreateDirectory($"{bundle.Path}/volume/swapped/inner");
        Directory.CreateDirectory($"{host}/inner");
        await File.WriteAllTextAsync($"{host}/inner/marker", "host");
        // In the container's own root the link has somewhere to lead to, so that a good runtime has a reason to succeed.
        Directory.CreateDirectory($"{bundle.Rootfs}{host}/inner");
        File.CreateSymbolicLink($"{bundle.Path}/volume/link", host);
        bundle.Change(spec => spec.Hooks = new HooksSpec
        {
            // In the container's mount namespace, before the host's tree goes: a mount that escaped would show here.
            CreateContainer = [Shell($"grep -F ' {host}/' /proc/self/mountinfo >> {bundle.Path}/escaped; true")],
        });
        var succeeded = 0;
        using (var swapper = new PathSwapper($"{bundle.Path}/volume/swapped", $"{bundle.Path}/volume/link"))
        {
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                var (code, output, _) = await bundle.RunAsync();
                succeeded += code == 0 ? 1 : 0;
                Assert.DoesNotContain("host", output);
            }
            Assert.InRange(swapper.Count, Attempts, long.MaxValue);
        }
        Assert.Equal("", await File.ReadAllTextAsync($"{bundle.Path}/escaped"));
        Assert.InRange(succeeded, 1, Attempts);
    }

    /// <summary>CVE-2024-45310: a mount's missing target is made; where it is made is swapped for a link to the host.</summary>
    [Fact]
    public async Task Mount_MissingTargetBelowASwappedDirectory_MakesNothingOnTheHost()
    {
        var (bundle, host) = NewBundle(
            "create",
            new MountSpec { Destination = "/volume/swapped/a/b/c", Type = "tmpfs", Source = "tmpfs" },
            new MountSpec { Destination = "/volume/swapped/f/file", Type = "bind", Source = "/etc/hostname", Options = ["bind"] });
        Directory.CreateDirectory($"{bundle.Path}/volume/swapped");
        File.CreateSymbolicLink($"{bundle.Path}/volume/link", host);
        using (var swapper = new PathSwapper($"{bundle.Path}/volume/swapped", $"{bundle.Path}/volume/link"))
        {
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                await bundle.RunAsync();
                foreach (var name in (ReadOnlySpan<string>)["swapped", "link"])
                {
                    RemoveTargets($"{bundle.Path}/volume/{name}");
                }
            }
            Assert.InRange(swapper.Count, Attempts, long.MaxValue);
        }
        Assert.Empty(Directory.GetFileSystemEntries(host));
    }

    private static void RemoveTargets(string directory)
    {
        // Only through the real directory: through the link this would clean up the evidence.
        foreach (var name in (ReadOnlySpan<string>)["a", "f"])
        {
            if (new DirectoryInfo(directory).LinkTarget is null && Directory.Exists($"{directory}/{name}"))
            {
                try
                {
                    Directory.Delete($"{directory}/{name}", recursive: true);
                }
                catch (IOException)
                {
                    return; // swapped away meanwhile
                }
            }
        }
    }

    private (TestBundle Bundle, string Host) NewBundle(string name, params MountSpec[] mounts)
    {
        var host = Directory.CreateDirectory($"{fixture.Directory}/host-{name}").FullName;
        var bundle = fixture.NewBundle(Look, spec =>
        {
            spec.Mounts!.Add(new MountSpec { Destination = "/volume", Type = "bind", Source = "volume", Options = ["rbind"] });
            spec.Mounts.AddRange(mounts);
        });
        Directory.CreateDirectory($"{bundle.Path}/volume");
        return (bundle, host);
    }

    private static HookSpec Shell(string command) =>
        new() { Path = "/bin/sh", Args = ["sh", "-c", command], Env = ["PATH=/usr/bin:/bin"] };
}
