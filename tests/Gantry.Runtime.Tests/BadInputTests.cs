using System.Text.Json.Nodes;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>Configurations and bundles that are broken or hostile: a clear error, and nothing is left.</summary>
public sealed class BadInputTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public async Task Create_TruncatedConfiguration_IsMalformedAtEveryLength()
    {
        var bundle = fixture.NewBundle("true");
        var json = await File.ReadAllBytesAsync($"{bundle.Path}/config.json");
        for (var length = 0; length < json.Length; length += 97)
        {
            await File.WriteAllBytesAsync($"{bundle.Path}/config.json", json[..length]);
            await AssertRefusedAsync(bundle, "malformed or truncated JSON");
        }
    }

    [Fact]
    public async Task Create_WrongTypesEverywhere_AreAllNamed()
    {
        var bundle = fixture.NewBundle("true");
        var config = JsonNode.Parse(await File.ReadAllTextAsync($"{bundle.Path}/config.json"))!.AsObject();
        foreach (var part in (string[])["process", "linux"])
        {
            foreach (var name in config[part]!.AsObject().Select(static member => member.Key).ToList())
            {
                // No member of these is a fraction.
                config[part]![name] = 1.5;
            }
        }
        await File.WriteAllTextAsync($"{bundle.Path}/config.json", config.ToJsonString());
        var error = await AssertRefusedAsync(bundle, "$.process.args (line 1): expected an array, found 1.5");
        foreach (var field in (string[])["$.process.env", "$.process.cwd", "$.process.capabilities", "$.linux.namespaces", "$.linux.maskedPaths", "$.linux.resources"])
        {
            Assert.Contains($"{field} (line 1): expected ", error);
        }
    }

    [Theory]
    [InlineData("rootfs", "rootfs: no such file or directory (ENOENT)")]
    [InlineData("../../../../../../../no/such", "no/such: no such file or directory (ENOENT)")]
    [InlineData("config.json", "config.json: not a directory (ENOTDIR)")]
    public async Task Create_RootIsNoDirectory_IsNamed(string root, string expected)
    {
        var bundle = fixture.NewBundle("true", spec => spec.Root!.Path = root);
        Directory.Delete(bundle.Rootfs, recursive: true);
        await AssertRefusedAsync(bundle, expected);
    }

    [Theory]
    [InlineData("/a/../../../../../../../../../tmp/gantry-bad-input/x")]
    [InlineData("../../../../../../tmp/gantry-bad-input/x")]
    [InlineData("/loop/x")]
    [InlineData("/out/gantry-bad-input/x")]
    public async Task Run_HostileDestination_NeverReachesTheHost(string destination)
    {
        var bundle = fixture.NewBundle("true", spec => spec.Mounts!.AddRange(
        [
            new MountSpec { Destination = destination, Type = "tmpfs", Source = "tmpfs" },
            new MountSpec { Destination = destination + "-file", Type = "bind", Source = "config.json", Options = ["bind"] },
        ]));
        File.CreateSymbolicLink($"{bundle.Rootfs}/loop", "loop");
        File.CreateSymbolicLink($"{bundle.Rootfs}/out", "../../../../../../../../../tmp");
        var before = await File.ReadAllTextAsync("/proc/self/mountinfo");
        var (code, _, error) = await bundle.RunAsync();
        string[] reasons = ["too many levels of symbolic links (ELOOP)", "cannot be made, it ends in \"..\""];
        Assert.True(code == 0 || Array.Exists(reasons, reason => error.Contains(reason, StringComparison.Ordinal)), error);
        Assert.False(Directory.Exists("/tmp/gantry-bad-input"));
        Assert.Equal(before, await File.ReadAllTextAsync("/proc/self/mountinfo"));
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
    }

    [Fact]
    public async Task Create_MissingSource_NamesMountCallAndErrno()
    {
        var bundle = fixture.NewBundle("true", static spec => spec.Mounts!.Add(
            new MountSpec { Destination = "/x", Type = "bind", Source = "/no/such/source", Options = ["rbind"] }));
        await AssertRefusedAsync(bundle, "mount /x (bind from /no/such/source): open_tree /no/such/source: no such file or directory (ENOENT)");
    }

    [Fact]
    public async Task Create_UnknownFileSystemAndOption_SayWhatTheKernelSaid()
    {
        var unknown = fixture.NewBundle("true", static spec => spec.Mounts!.Add(
            new MountSpec { Destination = "/x", Type = "nosuchfs", Source = "none" }));
        await AssertRefusedAsync(unknown, "mount /x (nosuchfs from none): fsopen nosuchfs: no such device (ENODEV)");
        var option = fixture.NewBundle("true", static spec => spec.Mounts!.Add(
            new MountSpec { Destination = "/x", Type = "tmpfs", Source = "tmpfs", Options = ["size=many"] }));
        await AssertRefusedAsync(option, "fsconfig tmpfs size=many [");
    }

    [Fact]
    public async Task Run_RootIsRemovedWhileItStarts_RunsOrSaysWhyAndLeavesNothing()
    {
        var refused = 0;
        for (var round = 0; round < 30; round++)
        {
            var bundle = fixture.NewBundle("true");
            var run = bundle.RunAsync();
            // Each round a little later, so that some meet each step.
            await Task.Delay(round / 3);
            try
            {
                Directory.Delete(bundle.Rootfs, recursive: true);
            }
            catch (IOException e)
            {
                // The runtime has made something in it meanwhile; what is gone is gone.
                Assert.NotEmpty(e.Message);
            }
            var (code, _, error) = await run;
            Assert.True(code == 0 || error.StartsWith("gantry-runtime: ", StringComparison.Ordinal), $"{code} {error}");
            refused += code == 0 ? 0 : 1;
            Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
            Assert.False(Directory.Exists($"/sys/fs/cgroup/memory/gantry-test/{bundle.Id}"));
        }
        Assert.InRange(refused, 1, 30);
        Assert.DoesNotContain(fixture.Directory, await File.ReadAllTextAsync("/proc/self/mountinfo"));
    }

    private async Task<string> AssertRefusedAsync(TestBundle bundle, string expected)
    {
        var (code, _, error) = await fixture.RunAsync("create", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
        Assert.False(Directory.Exists($"/sys/fs/cgroup/memory/gantry-test/{bundle.Id}"));
        return error;
    }
}
