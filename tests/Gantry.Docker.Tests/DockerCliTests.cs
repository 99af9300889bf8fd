using System.Text;
using Gantry.Engine.Containers;

namespace Gantry.Docker.Tests;

public sealed class DockerCliTests(DockerFixture fixture) : IClassFixture<DockerFixture>
{
    [Fact]
    public async Task Run_Attached_GivesOutputAndExitCode()
    {
        CliResult result = await fixture.DockerAsync("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3");

        Assert.Equal((3, "out\n", "err\n"), (result.ExitCode, result.Output, result.Error));
        Assert.DoesNotContain(fixture.Engine.List(), container => container.Spec.AutoRemove);
    }

    [Fact]
    public async Task Run_PipedInput_ReachesTheProgramToItsEnd()
    {
        byte[] input = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 50_000).Select(number => $"line {number}\n")));

        CliResult result = await fixture.DockerAsync(input, ["run", "-i", "--rm", "busybox", "cat"]);

        Assert.Equal(Encoding.ASCII.GetString(input), result.Output);
    }

    [Theory]
    [InlineData("nosuch", 127, "exec: \"nosuch\": executable file not found in $PATH")]
    [InlineData("/etc", 126, "permission denied")]
    public async Task Run_ProgramThatCannotRun_HasDockersExitCode(string program, int code, string words)
    {
        CliResult result = await fixture.DockerAsync("run", "--rm", "busybox", program);

        Assert.Equal(code, result.ExitCode);
        Assert.Contains(words, result.Error);
    }

    [Fact]
    public async Task Run_UnknownImage_Is125()
    {
        CliResult result = await fixture.DockerAsync("run", "--rm", "--pull", "never", "localhost:1/none:x");

        Assert.Equal(125, result.ExitCode);
        Assert.Contains("No such image: localhost:1/none:x", result.Error);
    }

    [Fact]
    public async Task Exec_InputOutputAndExitCode_AreTheProcesss()
    {
        await RunDetachedAsync("ex", "sleep", "60");

        Assert.Equal("piped", (await fixture.DockerAsync("piped"u8.ToArray(), ["exec", "-i", "ex", "cat"])).Output);
        Assert.Equal(5, (await fixture.DockerAsync("exec", "ex", "sh", "-c", "exit 5")).ExitCode);
        Assert.Equal(127, (await fixture.DockerAsync("exec", "ex", "nosuch")).ExitCode);
        Assert.Equal("65534", (await fixture.DockerAsync("exec", "-u", "nobody", "ex", "id", "-u")).Line);
        await RemoveAsync("ex");
    }

    [Fact]
    public async Task Logs_TailAndTimestamps_AreFromTheFile()
    {
        await RunDetachedAsync("lg", "sh", "-c", "for i in 1 2 3; do echo $i; done");
        (await fixture.DockerAsync("wait", "lg")).Succeeded();

        Assert.Equal("2\n3\n", (await fixture.DockerAsync("logs", "--tail", "2", "lg")).Output);
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\S+Z 1", (await fixture.DockerAsync("logs", "-t", "lg")).Output);
        await RemoveAsync("lg");
    }

    [Fact]
    public async Task Memory_Exceeded_IsOomKilled()
    {
        CliResult result = await fixture.DockerAsync("run", "--name", "oom", "--memory", "16m", "busybox", "sh", "-c", "x=a; while true; do x=$x$x; done");

        Assert.Equal(137, result.ExitCode);
        Assert.Equal("true", (await fixture.DockerAsync("inspect", "-f", "{{.State.OOMKilled}}", "oom")).Line);
        await RemoveAsync("oom");
    }

    [Fact]
    public async Task Volume_SharedBetweenContainers_IsInUseWhileOneHasIt()
    {
        (await fixture.DockerAsync("run", "--rm", "-v", "shared:/data", "busybox", "sh", "-c", "echo kept > /data/f")).Succeeded();
        await RunDetachedAsync("vol", "-v", "shared:/d:ro", "busybox", "sleep", "60");

        Assert.Equal("kept", (await fixture.DockerAsync("exec", "vol", "cat", "/d/f")).Line);
        Assert.NotEqual(0, (await fixture.DockerAsync("exec", "vol", "touch", "/d/g")).ExitCode);
        Assert.Contains("volume is in use", (await fixture.DockerAsync("volume", "rm", "shared")).Error);
        await RemoveAsync("vol");
        (await fixture.DockerAsync("volume", "rm", "shared")).Succeeded();
    }

    [Fact]
    public async Task Network_UserDefined_ResolvesNamesAndPublishesPorts()
    {
        (await fixture.DockerAsync("network", "create", "front")).Succeeded();
        await RunDetachedAsync("web", "--network", "front", "-p", "0:80", "busybox", "sh", "-c", "mkdir /www; echo hello > /www/index.html; httpd -f -p 80 -h /www");

        CliResult fetched = await fixture.DockerAsync("run", "--rm", "--network", "front", "busybox", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do wget -qO- http://web/ && exit; usleep 100000; done; exit 1");
        string port = (await fixture.DockerAsync("port", "web", "80")).Succeeded().Line.Split(':')[^1];
        using HttpClient http = new();

        Assert.Equal("hello\n", fetched.Output);
        Assert.Equal("hello\n", await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/")));
        Assert.Contains("has active endpoints", (await fixture.DockerAsync("network", "rm", "front")).Error);
        CliResult taken = await fixture.DockerAsync("run", "--rm", "-p", $"{port}:80", "busybox", "true");
        Assert.Contains($"Bind for 0.0.0.0:{port} failed: port is already allocated", taken.Error);
        Assert.Equal(125, taken.ExitCode);
        await RemoveAsync("web");
        (await fixture.DockerAsync("network", "rm", "front")).Succeeded();
    }

    [Fact]
    public async Task Restart_OnFailure_StopsAtTheCount()
    {
        await RunDetachedAsync("flaky", "--restart", "on-failure:2", "busybox", "sh", "-c", "exit 7");

        await fixture.EventuallyAsync(() => fixture.Engine.Get("flaky") is { Status: ContainerStatus.Exited, RestartCount: 2, ExitCode: 7 });
        await RemoveAsync("flaky");
    }

    [Fact]
    public async Task Copy_BothWays_KeepsContent()
    {
        await RunDetachedAsync("cp", "sleep", "60");
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "copied");

        (await fixture.DockerAsync("cp", file, "cp:/tmp/x")).Succeeded();
        Assert.Equal("copied", (await fixture.DockerAsync("exec", "cp", "cat", "/tmp/x")).Line);
        (await fixture.DockerAsync("cp", "cp:/tmp/x", file)).Succeeded();
        Assert.Equal("copied", await File.ReadAllTextAsync(file));
        Assert.Contains("A /tmp/x", (await fixture.DockerAsync("diff", "cp")).Output);
        Assert.Contains("Could not find the file /none", (await fixture.DockerAsync("cp", "cp:/none", "-")).Error);
        File.Delete(file);
        await RemoveAsync("cp");
    }

    [Fact]
    public async Task Copy_ThroughALinkOutOfTheRoot_StaysInside()
    {
        await RunDetachedAsync("trap", "sh", "-c", "echo inside > /etc/marker; rm -f /escape; busybox ln -s ../../../../etc /escape; sleep 60");
        await fixture.EventuallyAsync(() => fixture.DockerAsync("exec", "trap", "ls", "/escape").Result.ExitCode == 0);

        CliResult result = await fixture.DockerAsync("cp", "trap:/escape/marker", "-");

        Assert.Contains("inside", result.Succeeded().Output);
        await RemoveAsync("trap");
    }

    [Fact]
    public async Task Build_TwoStages_RunsAndCaches()
    {
        string context = Directory.CreateTempSubdirectory("engine-ctx-").FullName;
        await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), "FROM busybox AS a\nRUN echo made > /f\nFROM busybox\nCOPY --from=a --chown=nobody /f /w/f\nWORKDIR /w\nCMD [\"cat\", \"f\"]\n");

        (await fixture.DockerAsync("build", "-t", "built", context)).Succeeded();
        Assert.Equal("made", (await fixture.DockerAsync("run", "--rm", "built")).Line);
        Assert.Contains("Using cache", (await fixture.DockerAsync("build", "-t", "built", context)).Output);
        await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), "FROM busybox\nRUN exit 4\n");
        CliResult failed = await fixture.DockerAsync("build", context);
        Assert.Equal(4, failed.ExitCode);
        Assert.Contains("The command '/bin/sh -c exit 4' returned a non-zero code: 4", failed.Error);
        Directory.Delete(context, recursive: true);
    }

    [Fact]
    public async Task Confinement_Default_ForbidsWhatDockerForbids()
    {
        Assert.NotEqual(0, (await fixture.DockerAsync("run", "--rm", "busybox", "hostname", "other")).ExitCode);
        Assert.NotEqual(0, (await fixture.DockerAsync("run", "--rm", "--cap-drop", "ALL", "busybox", "chown", "1", "/tmp")).ExitCode);
        Assert.NotEqual(0, (await fixture.DockerAsync("run", "--rm", "--read-only", "busybox", "touch", "/x")).ExitCode);
        Assert.NotEqual(0, (await fixture.DockerAsync("run", "--rm", "busybox", "touch", "/proc/sys/kernel/x")).ExitCode);
    }

    [Fact]
    public async Task Swarm_Call_IsRefusedInDockersWords() =>
        Assert.Contains("This node is not a swarm manager", (await fixture.DockerAsync("node", "ls")).Error);

    private async Task RunDetachedAsync(string name, params string[] rest)
    {
        string[] arguments = rest.Contains("busybox") ? rest : ["busybox", .. rest];
        (await fixture.DockerAsync(["run", "-d", "--name", name, .. arguments])).Succeeded();
    }

    private async Task RemoveAsync(string name) => (await fixture.DockerAsync("rm", "-f", name)).Succeeded();
}
