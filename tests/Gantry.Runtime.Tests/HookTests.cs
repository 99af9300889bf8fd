using System.Text.Json.Nodes;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>Hooks: where each runs, what it reads, and what its failure means.</summary>
public sealed class HookTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private static readonly string[] Points = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

    [Fact]
    public async Task Hooks_AllSix_RunInOrderInTheirNamespacesWithTheState()
    {
        var bundle = fixture.NewBundle("sleep 1000");
        bundle.Change(spec =>
        {
            spec.Annotations = new() { ["long"] = new string('x', 200_000) };
            spec.Hooks = All(point => point == "startContainer"
                ? [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", "cat > /state; readlink /proc/self/ns/mnt > /ns; echo $A > /env"], Env = ["A=b", "PATH=/bin"], Timeout = 30 }]
                : [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", $"cat > {bundle.Path}/{point}; readlink /proc/self/ns/net > {bundle.Path}/{point}.ns; echo {point} >> {bundle.Path}/order"], Timeout = 30 }]);
        });
        await bundle.StartAsync();
        var pid = await bundle.PidAsync();
        var network = new FileInfo($"/proc/{pid}/ns/net").LinkTarget;
        Assert.Equal(0, (await fixture.RunAsync("delete", "--force", bundle.Id)).ExitCode);
        Assert.Equal(["prestart", "createRuntime", "createContainer", "poststart", "poststop"], await File.ReadAllLinesAsync($"{bundle.Path}/order"));
        string[] statuses = ["created", "creating", "creating", "created", "running", "stopped"];
        foreach (var (point, status) in Points.Zip(statuses))
        {
            var state = JsonNode.Parse(await File.ReadAllTextAsync(point == "startContainer" ? $"{bundle.Rootfs}/state" : $"{bundle.Path}/{point}"))!;
            Assert.Equal((bundle.Id, status), ((string?)state["id"], (string?)state["status"]));
            Assert.Equal(point == "poststop" ? 0 : pid, (int?)state["pid"]);
            Assert.Equal(bundle.Path, (string?)state["bundle"]);
            Assert.Equal(200_000, ((string?)state["annotations"]!["long"])!.Length);
        }
        var host = new FileInfo("/proc/self/ns/net").LinkTarget;
        foreach (var point in (string[])["prestart", "createRuntime", "poststart", "poststop"])
        {
            Assert.Equal(host, (await File.ReadAllTextAsync($"{bundle.Path}/{point}.ns")).Trim());
        }
        Assert.Equal(network, (await File.ReadAllTextAsync($"{bundle.Path}/createContainer.ns")).Trim());
        Assert.Equal("b\n", await File.ReadAllTextAsync($"{bundle.Rootfs}/env"));
    }

    [Fact]
    public async Task Hooks_EnvironmentAndDirectoryNotSaid_AreAsWithRunc()
    {
        var bundle = fixture.NewBundle("cat /env", static spec =>
        {
            spec.Process!.Env!.Add("ONE=two");
            spec.Hooks = new HooksSpec
            {
                CreateContainer = [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", "echo here ${ONE:-none} > ./env"] }],
                StartContainer = [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", "echo there $ONE >> /env; [ -n \"$HOME\" ]"] }],
            };
        });
        Assert.Equal((0, "here none\nthere two\n", ""), await bundle.RunAsync());
    }

    [Theory]
    [InlineData("prestart")]
    [InlineData("createRuntime")]
    [InlineData("createContainer")]
    public async Task Create_HookFails_EndsWithPoststopAndLeavesNothing(string failing)
    {
        var bundle = fixture.NewBundle("true");
        bundle.Change(spec => spec.Hooks = All(point => point == failing
            ? [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", "exit 3"] }]
            : [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", $"echo {point} >> {bundle.Path}/order"] }]));
        var (code, _, error) = await fixture.RunAsync("create", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains($"{failing} hook /bin/sh: exit code 3", error);
        string[] ran = [.. Points.TakeWhile(point => point != failing), "poststop"];
        Assert.Equal(ran, await File.ReadAllLinesAsync($"{bundle.Path}/order"));
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
    }

    [Fact]
    public async Task Start_StartContainerHookFails_NamesItAndTheContainerIsStopped()
    {
        var bundle = fixture.NewBundle("touch /ran", static spec => spec.Hooks = new HooksSpec
        {
            StartContainer = [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", "exit 4"] }],
        });
        await fixture.RunShellAsync($"{fixture.RuntimePath} --root {fixture.Root} create -b {bundle.Path} {bundle.Id} </dev/null >/dev/null 2>&1");
        var (code, _, error) = await fixture.RunAsync("start", bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains("startContainer hook /bin/sh: exit code 4", error);
        Assert.False(File.Exists($"{bundle.Rootfs}/ran"));
        Assert.Contains("\"stopped\"", (await fixture.RunAsync("state", bundle.Id)).Output);
        Assert.Equal(0, (await fixture.RunAsync("delete", bundle.Id)).ExitCode);
    }

    [Fact]
    public async Task Run_PoststartAndPoststopFail_AreWarningsAndTheNextRuns()
    {
        var bundle = fixture.NewBundle("true");
        HookSpec[] Failing(string point) =>
        [
            new() { Path = "/bin/false" }, new() { Path = "/no/such/program" },
            new() { Path = "/bin/sh", Args = ["sh", "-c", $"echo {point} >> {bundle.Path}/order"] },
        ];
        bundle.Change(spec => spec.Hooks = new HooksSpec { Poststart = [.. Failing("poststart")], Poststop = [.. Failing("poststop")] });
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(0, code);
        Assert.Equal(["poststart", "poststop"], await File.ReadAllLinesAsync($"{bundle.Path}/order"));
        Assert.Contains("poststart hook /bin/false: exit code 1", error);
        Assert.Contains("poststop hook: posix_spawn /no/such/program: no such file or directory (ENOENT)", error);
    }

    [Fact]
    public async Task Create_HookOutlivesItsTimeout_IsKilledWithWhatItStarted()
    {
        var bundle = fixture.NewBundle("true");
        bundle.Change(spec => spec.Hooks = new HooksSpec
        {
            CreateRuntime = [new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", $"sleep 1000 & echo $! > {bundle.Path}/child; wait"], Timeout = 1 }],
        });
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("createRuntime hook /bin/sh: did not end within 1 s and was killed", error);
        var child = (await File.ReadAllTextAsync($"{bundle.Path}/child")).Trim();
        var limit = TestBundle.Timeout();
        while (File.Exists($"/proc/{child}/stat") && !(await File.ReadAllTextAsync($"/proc/{child}/stat")).Contains(") Z"))
        {
            await Task.Delay(5, limit);
        }
    }

    private static HooksSpec All(Func<string, List<HookSpec>> hooks) => new()
    {
        Prestart = hooks("prestart"),
        CreateRuntime = hooks("createRuntime"),
        CreateContainer = hooks("createContainer"),
        StartContainer = hooks("startContainer") is [{ Args: [.., var script] } hook] && script.Contains("order", StringComparison.Ordinal) && hook.Path == "/bin/sh" ? [] : hooks("startContainer"),
        Poststart = hooks("poststart"),
        Poststop = hooks("poststop"),
    };
}
