using System.Text.Json.Nodes;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>The command line as engines and people use it.</summary>
public sealed class CommandLineTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Theory]
    [InlineData("state --nonsense x", "flag provided but not defined: --nonsense")]
    [InlineData("state", "\"state\" requires exactly 1 argument(s)")]
    [InlineData("state a b", "\"state\" requires exactly 1 argument(s)")]
    [InlineData("events --interval", "flag needs an argument: --interval")]
    [InlineData("dance x", "there is no command \"dance\"")]
    [InlineData("list --format yaml", "invalid format option")]
    [InlineData("--rootless perhaps list", "--rootless perhaps")]
    [InlineData("--log-format xml list", "--log-format xml")]
    [InlineData("kill nobody NONSENSE", "there is no signal \"NONSENSE\"")]
    [InlineData("events --interval 0s nobody", "does not exist")]
    [InlineData("update --memory lots nobody", "does not exist")]
    public async Task Usage_Wrong_IsSaidWithCodeOne(string line, string expected)
    {
        var (code, output, error) = await fixture.RunAsync(line.Split(' '));
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
        Assert.Equal("", output);
    }

    [Theory]
    [InlineData("--help", "--systemd-cgroup")]
    [InlineData("checkpoint --help", "--image-path DIR")]
    [InlineData("create --help", "--console-socket PATH")]
    [InlineData("exec -h", "-u UID[:GID]")]
    [InlineData("help update", "--memory-swap BYTES")]
    public async Task Help_Asked_ListsWhatThereIs(string line, string expected)
    {
        var (code, output, _) = await fixture.RunAsync(line.Split(' '));
        Assert.Equal(0, code);
        Assert.Contains(expected, output.Replace("--user ", "-u "));
    }

    [Fact]
    public async Task Log_AsJson_HasLevelMessageAndTime()
    {
        var log = $"{fixture.Directory}/log.json";
        await fixture.RunAsync("--debug", "--log", log, "--log-format=json", "state", "nobody");
        var lines = (await File.ReadAllLinesAsync(log)).Select(static line => JsonNode.Parse(line)!).ToList();
        Assert.Equal(["debug", "error"], lines.Select(static line => (string)line["level"]!));
        Assert.Contains("\"nobody\" does not exist", (string)lines[1]["msg"]!);
        Assert.True(DateTimeOffset.TryParse((string)lines[1]["time"]!, out _));
        var (_, _, error) = await fixture.RunAsync("--log-format", "json", "state", "nobody");
        Assert.Equal("error", (string)JsonNode.Parse(error)!["level"]!);
    }

    [Fact]
    public async Task GoRunc_CallSequence_Works()
    {
        // The calls that containerd's shim makes, with its spelling of the options.
        var bundle = fixture.NewBundle("echo started > /made; exec sleep 100");
        var pidFile = $"{bundle.Path}/init.pid";
        string[] global = ["--log", $"{bundle.Path}/log.json", "--log-format", "json"];
        await fixture.DetachAsync([.. global, "create", "--bundle", bundle.Path, "--pid-file", pidFile, "--no-new-keyring", bundle.Id]);
        await fixture.SucceedAsync([.. global, "start", bundle.Id]);
        var state = JsonNode.Parse(await fixture.SucceedAsync([.. global, "state", bundle.Id]))!;
        Assert.Equal("running", (string)state["status"]!);
        Assert.Equal(await File.ReadAllTextAsync(pidFile), state["pid"]!.ToString());
        Assert.Equal("root", (string)state["owner"]!);

        var process = $"{bundle.Path}/process.json";
        await File.WriteAllBytesAsync(process, TestBundle.Process("echo out; exit 3").ToArray());
        var (code, output, _) = await fixture.RunAsync(
            "exec", "--process", process, "--pid-file", $"{bundle.Path}/exec.pid", bundle.Id);
        Assert.Equal((3, "out\n"), (code, output));
        var pids = JsonNode.Parse(await fixture.SucceedAsync("ps", "--format", "json", bundle.Id))!.AsArray();
        Assert.Equal(state["pid"]!.ToString(), Assert.Single(pids)!.ToString());
        var table = (await fixture.SucceedAsync("ps", "--format", "table", bundle.Id, "-e", "-o", "pid,args")).Split('\n');
        Assert.Contains("PID", table[0]);
        Assert.EndsWith("sleep 100", table[1]);

        var statistics = JsonNode.Parse(await fixture.SucceedAsync("events", "--stats", bundle.Id))!;
        Assert.Equal("stats", (string)statistics["type"]!);
        Assert.True((long)statistics["data"]!["memory"]!["usage"]!["usage"]! > 0);
        Assert.Equal(1, (int)statistics["data"]!["pids"]!["current"]!);
        await fixture.SucceedAsync("pause", bundle.Id);
        Assert.Equal("paused", (string)JsonNode.Parse(await fixture.SucceedAsync("list", "--format=json"))!.AsArray()
            .Single(item => (string)item!["id"]! == bundle.Id)!["status"]!);
        await fixture.SucceedAsync("resume", bundle.Id);
        await fixture.SucceedAsync("kill", "--all", bundle.Id, "9");
        await fixture.SucceedAsync("delete", "--force", bundle.Id);
        Assert.Equal("", await File.ReadAllTextAsync($"{bundle.Path}/log.json"));
    }

    [Fact]
    public async Task Kill_WithoutPidNamespace_EndsEveryProcess()
    {
        var bundle = fixture.NewBundle("sleep 100 & exec sleep 101", static spec =>
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "pid"));
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        await fixture.SucceedAsync("kill", bundle.Id, "KILL");
        await Waiting.UntilAsync(async () => (await fixture.SucceedAsync("ps", "-f", "json", bundle.Id)).Trim() == "null");
        await fixture.SucceedAsync("delete", bundle.Id);
    }

    [Fact]
    public async Task Kill_WithoutPidNamespaceAndFirstProcess_EndsTheRest()
    {
        var bundle = fixture.NewBundle("sleep 100 & exec true", static spec =>
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "pid"));
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        await Waiting.UntilAsync(async () => (await fixture.SucceedAsync("state", bundle.Id)).Contains("stopped", StringComparison.Ordinal));
        Assert.NotEqual("null", (await fixture.SucceedAsync("ps", "-f", "json", bundle.Id)).Trim());
        await fixture.SucceedAsync("kill", bundle.Id, "KILL");
        await Waiting.UntilAsync(async () => (await fixture.SucceedAsync("ps", "-f", "json", bundle.Id)).Trim() == "null");
    }

    [Fact]
    public async Task Exec_Failing_Returns255AndSaysWhy()
    {
        var bundle = fixture.NewBundle("sleep 100");
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        var (code, _, error) = await fixture.RunAsync("exec", bundle.Id, "no-such-program");
        Assert.Equal(255, code);
        Assert.Contains("executable file not found in $PATH", error);
        (code, _, error) = await fixture.RunAsync("exec", bundle.Id);
        Assert.Equal(255, code);
        Assert.Contains("a command, or --process FILE, is required", error);
    }

    [Fact]
    public async Task Exec_InSubgroup_RunsThere()
    {
        var bundle = fixture.NewBundle("sleep 100");
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        var group = $"/sys/fs/cgroup/cpu/gantry-test/{bundle.Id}";
        Directory.CreateDirectory($"{group}/below");
        var output = await fixture.SucceedAsync("exec", "--cgroup", "cpu:below", bundle.Id, "cat", "/proc/self/cgroup");
        Assert.Contains(":cpu:/below\n", output);
        Assert.Contains(":memory:/\n", output);
        var (code, _, error) = await fixture.RunAsync("exec", "--cgroup", "below", bundle.Id, "true");
        Assert.Equal(255, code);
        Assert.Contains("it needs its controllers", error);
    }

    [Fact]
    public async Task Exec_Paused_OnlyWhenAskedFor()
    {
        var bundle = fixture.NewBundle("sleep 100");
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        await fixture.SucceedAsync("pause", bundle.Id);
        var (code, _, error) = await fixture.RunAsync("exec", bundle.Id, "true");
        Assert.Equal(255, code);
        Assert.Contains("--ignore-paused", error);
        await fixture.SucceedAsync("resume", bundle.Id);
    }

    /// <summary>The process to be has the runtime's memory: killed in the midst, it must not leave the runtime waiting.</summary>
    [Fact]
    public async Task Exec_KilledBeforeItsProgram_EndsAndSaysSo()
    {
        var bundle = fixture.NewBundle("exec sleep 100");
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        await fixture.SucceedAsync("pause", bundle.Id);
        var tasks = $"/sys/fs/cgroup/freezer/gantry-test/{bundle.Id}/tasks";
        var before = await File.ReadAllLinesAsync(tasks);
        var exec = fixture.RunAsync("exec", "--ignore-paused", bundle.Id, "id");
        await Waiting.UntilAsync(async () => (await File.ReadAllLinesAsync(tasks)).Length > before.Length);
        var added = Assert.Single((await File.ReadAllLinesAsync(tasks)).Except(before));
        Assert.Equal(0, (await fixture.RunShellAsync($"kill -KILL {added}")).ExitCode);
        await fixture.SucceedAsync("resume", bundle.Id);
        var (code, _, error) = await exec;
        Assert.Equal(255, code);
        Assert.Contains("killed before its program was executed", error);
        await fixture.SucceedAsync("exec", bundle.Id, "id");
    }

    [Fact]
    public async Task Features_Json_IsOfTheSpecification()
    {
        var features = JsonNode.Parse(await fixture.SucceedAsync("features"))!;
        Assert.Equal("1.0.0", (string)features["ociVersionMin"]!);
        Assert.Contains("rro", features["mountOptions"]!.AsArray().Select(static item => (string)item!));
        Assert.True((bool)features["linux"]!["cgroup"]!["v2"]!);
        Assert.Contains("CAP_SYS_ADMIN", features["linux"]!["capabilities"]!.AsArray().Select(static item => (string)item!));
    }

    [Fact]
    public async Task Spec_Rootless_MapsTheCallerAndHasNoLimits()
    {
        var directory = Directory.CreateDirectory($"{fixture.Directory}/spec").FullName;
        await fixture.SucceedAsync("spec", "--rootless", "--bundle", directory);
        var spec = RuntimeSpecJson.ReadSpec(await File.ReadAllBytesAsync($"{directory}/config.json"));
        Assert.Equal(1u, Assert.Single(spec.Linux!.UidMappings!).Size);
        Assert.Null(spec.Linux.Resources);
        Assert.True(spec.Process!.Terminal);
        Assert.True(spec.Root!.Readonly);
        Assert.DoesNotContain(spec.Linux.Namespaces!, static item => item.Type == "network");
        var (code, _, error) = await fixture.RunAsync("spec", "-b", directory);
        Assert.Equal(1, code);
        Assert.Contains("file exists", error);
    }
}
