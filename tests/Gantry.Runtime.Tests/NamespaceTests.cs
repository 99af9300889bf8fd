using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>Namespaces, new and joined, by what a process in them sees.</summary>
public sealed class NamespaceTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private static List<IdMappingSpec> Map(uint first) => [new() { ContainerID = 0, HostID = first, Size = 65536 }];

    internal static void AddUserNamespace(RuntimeSpec spec)
    {
        spec.Linux!.Namespaces!.Add(new NamespaceSpec { Type = "user" });
        spec.Linux.UidMappings = Map(100_000);
        spec.Linux.GidMappings = Map(200_000);
    }

    [Fact]
    public async Task Run_NewUserNamespace_MapsIdsAndOwnsTheOthers()
    {
        var bundle = fixture.NewBundle(
            "id -u; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; touch /tmp/made; echo x > /dev/null && echo null; "
            + "echo new > /proc/sys/kernel/hostname; ls /sys/class/net; ls /sys/fs/cgroup | grep -c memory",
            static spec =>
            {
                AddUserNamespace(spec);
                spec.Linux!.ReadonlyPaths = [];
                spec.Process!.Capabilities!.Effective!.Add("CAP_SYS_ADMIN");
                spec.Process.Capabilities.Permitted!.Add("CAP_SYS_ADMIN");
                spec.Process.Capabilities.Bounding!.Add("CAP_SYS_ADMIN");
            });
        ChangeOwner($"{bundle.Rootfs}/tmp", 100_000);
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        Assert.Equal("0\n 0 100000 65536\n 0 200000 65536\nnull\nlo\n1\n", output);
        Assert.Equal("100000 200000", await OutputAsync("stat", "-c", "%u %g", $"{bundle.Rootfs}/tmp/made"));
    }

    [Fact]
    public async Task Run_UserNamespaceAndUnreachableRoot_IsReachedByTheRuntime()
    {
        var bundle = fixture.NewBundle("echo in; cat /data/file; id -u", static spec =>
        {
            AddUserNamespace(spec);
            spec.Mounts!.Add(new MountSpec { Destination = "/data", Type = "bind", Source = "data", Options = ["bind", "ro"] });
        });
        Directory.CreateDirectory($"{bundle.Rootfs}/data");
        Directory.CreateDirectory($"{bundle.Path}/data");
        await File.WriteAllTextAsync($"{bundle.Path}/data/file", "data\n");
        // The container's root is nobody on the host, and the bundle is the host root's alone.
        File.SetUnixFileMode(bundle.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        Assert.Equal("in\ndata\n0\n", output);
    }

    [Fact]
    public async Task Run_TimeNamespace_OffsetsTheClocks()
    {
        var bundle = fixture.NewBundle("cat /proc/self/timens_offsets | tr -s ' '; readlink /proc/self/ns/time; cat /proc/uptime", static spec =>
        {
            spec.Linux!.Namespaces!.Add(new NamespaceSpec { Type = "time" });
            spec.Linux.TimeOffsets = new()
            {
                ["monotonic"] = new TimeOffsetSpec { Secs = 7200 },
                ["boottime"] = new TimeOffsetSpec { Secs = 8_640_000, Nanosecs = 5 },
            };
        });
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        var lines = output.Split('\n');
        Assert.Equal(["monotonic 7200 0", "boottime 8640000 5"], lines[..2]);
        Assert.NotEqual(new FileInfo("/proc/self/ns/time").LinkTarget, lines[2]);
        Assert.True(double.Parse(lines[3].Split(' ')[0]) > 8_640_000, lines[3]);
    }

    [Fact]
    public async Task Run_JoinedUserNamespace_JoinsAndOwnsNewOnes()
    {
        var first = fixture.NewBundle("sleep 1000", AddUserNamespace);
        var pid = await StartAsync(first);
        var joining = fixture.NewBundle(
            "for n in user net ipc uts; do readlink /proc/self/ns/$n; done; ps | grep -c '[s]leep 1000'", spec =>
            {
                spec.Hostname = null;
                spec.Linux!.Namespaces = [new() { Type = "mount" }, .. Joined(pid, "user", "pid", "network", "ipc", "uts")];
                // As podman has it; the namespace's own map holds.
                spec.Linux.UidMappings = Map(7_000);
                spec.Linux.GidMappings = Map(7_000);
            });
        var (code, output, error) = await joining.RunAsync();
        Assert.True(code == 0, error);
        string[] expected = [.. new[] { "user", "net", "ipc", "uts" }.Select(name => new FileInfo($"/proc/{pid}/ns/{name}").LinkTarget!), "1"];
        Assert.Equal(expected, output.TrimEnd().Split('\n'));

        var owning = fixture.NewBundle("readlink /proc/self/ns/user; echo $$; ls /sys/class/net; id -u", spec =>
            spec.Linux!.Namespaces =
            [
                .. Joined(pid, "user"), new() { Type = "mount" }, new() { Type = "pid" }, new() { Type = "network" },
                new() { Type = "ipc" }, new() { Type = "uts" },
            ]);
        (code, output, error) = await owning.RunAsync();
        Assert.True(code == 0, error);
        Assert.Equal($"{expected[0]}\n1\nlo\n0\n", output);

        var (_, inside, _) = await fixture.RunAsync("exec", first.Id, "sh", "-c", "id -u; readlink /proc/self/ns/user; cat /proc/self/uid_map | tr -s ' '");
        Assert.Equal($"0\n{expected[0]}\n 0 100000 65536\n", inside);
    }

    [Fact]
    public async Task Run_NewUserNamespaceWithTheHostsNetwork_JoinsItFirst()
    {
        var bundle = fixture.NewBundle("readlink /proc/self/ns/net; mount | grep -c 'sysfs on /sys '; id -u", spec =>
        {
            AddUserNamespace(spec);
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "network");
            spec.Linux.Namespaces.Add(new NamespaceSpec { Type = "network", Path = $"/proc/{Environment.ProcessId}/ns/net" });
        });
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        Assert.Equal($"{new FileInfo("/proc/self/ns/net").LinkTarget}\n1\n0\n", output);
    }

    [Fact]
    public async Task Run_JoinedPidNamespace_LeavesTheRuntimeAndItsHooksOutside()
    {
        var first = fixture.NewBundle("sleep 1000");
        var pid = await StartAsync(first);
        var seen = $"{first.Path}/seen";
        var bundle = fixture.NewBundle("true", spec =>
        {
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "pid");
            spec.Linux.Namespaces.AddRange(Joined(pid, "pid"));
            spec.Hooks = new HooksSpec
            {
                CreateRuntime = [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", $"readlink /proc/self/ns/pid > {seen}"] }],
            };
        });
        Assert.Equal(0, (await bundle.RunAsync()).ExitCode);
        Assert.Equal(new FileInfo("/proc/self/ns/pid").LinkTarget, (await File.ReadAllTextAsync(seen)).Trim());
    }

    [Fact]
    public async Task Run_JoinedMountNamespace_LivesInThatTree()
    {
        // A namespace that still sees the host's files, as the bundle must be found in it.
        using var holder = System.Diagnostics.Process.Start("unshare", ["-m", "sleep", "1000"]);
        try
        {
            var bundle = fixture.NewBundle("readlink /proc/self/ns/mnt; touch /inside", spec =>
            {
                spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "mount");
                spec.Linux.Namespaces.AddRange(Joined($"{holder.Id}", "mount"));
            });
            while (new FileInfo($"/proc/{holder.Id}/ns/mnt").LinkTarget == new FileInfo("/proc/self/ns/mnt").LinkTarget)
            {
                await Task.Delay(5);
            }
            var (code, output, error) = await bundle.RunAsync();
            Assert.True(code == 0, error);
            Assert.Equal(new FileInfo($"/proc/{holder.Id}/ns/mnt").LinkTarget, output.Trim());
            Assert.True(File.Exists($"{bundle.Rootfs}/inside"));
            Assert.Equal("", await OutputAsync("sh", "-c", $"grep -F {bundle.Path} /proc/self/mountinfo || true"));
        }
        finally
        {
            holder.Kill();
        }
    }

    [Fact]
    public async Task Run_NoNamespaces_InheritsAllAndMakesNoMounts()
    {
        var bundle = fixture.NewBundle("id -u; ls /proc | wc -l", static spec =>
        {
            spec.Hostname = null;
            spec.Linux!.Namespaces = [];
        });
        var before = await File.ReadAllTextAsync("/proc/self/mountinfo");
        var (code, output, error) = await bundle.RunAsync();
        Assert.Equal((0, "0\n0\n"), (code, output));
        Assert.Contains("they take a mount namespace in linux.namespaces", error);
        Assert.Equal(before, await File.ReadAllTextAsync("/proc/self/mountinfo"));
    }

    private static IEnumerable<NamespaceSpec> Joined(string pid, params string[] types) =>
        types.Select(type => new NamespaceSpec
        {
            Type = type,
            Path = $"/proc/{pid}/ns/{type switch { "network" => "net", "mount" => "mnt", _ => type }}",
        });

    private async Task<string> StartAsync(TestBundle bundle)
    {
        await OutputAsync(
            "sh", "-c", $"{fixture.RuntimePath} --root {fixture.Root} run -d -b {bundle.Path} --pid-file {bundle.Path}/pid {bundle.Id} </dev/null >/dev/null 2>&1");
        return (await File.ReadAllTextAsync($"{bundle.Path}/pid")).Trim();
    }

    private static void ChangeOwner(string path, uint id) =>
        System.Diagnostics.Process.Start("chown", [$"{id}", path]).WaitForExit();

    private static async Task<string> OutputAsync(string program, params string[] arguments)
    {
        var start = new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
        using var process = System.Diagnostics.Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync(TestBundle.Timeout());
        Assert.Equal(0, process.ExitCode);
        return output.Trim();
    }
}
