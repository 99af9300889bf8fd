using Gantry.Engine.Containers;

namespace Gantry.Docker.Tests;

public sealed class RecoveryTests
{
    [Fact]
    public async Task Restart_OfTheEngine_KeepsContainersAndRecordsWhatEnded()
    {
        DockerFixture fixture = new();
        await fixture.InitializeAsync();
        try
        {
            (await fixture.DockerAsync("run", "-d", "--name", "stays", "busybox", "sh", "-c", "i=0; while true; do i=$((i+1)); echo $i; usleep 10000; done")).Succeeded();
            (await fixture.DockerAsync("run", "-d", "--name", "ends", "busybox", "sh", "-c", "usleep 300000; exit 9")).Succeeded();
            (await fixture.DockerAsync("run", "-d", "--name", "again", "--restart", "always", "busybox", "sh", "-c", "usleep 300000; exit 1")).Succeeded();
            int pid = fixture.Engine.Get("stays").Pid;

            await fixture.RestartAsync();

            Assert.Equal((pid, ContainerStatus.Running), (fixture.Engine.Get("stays").Pid, fixture.Engine.Get("stays").Status));
            await fixture.EventuallyAsync(() => fixture.Engine.Get("ends") is { Status: ContainerStatus.Exited, ExitCode: 9 });
            await fixture.EventuallyAsync(() => fixture.Engine.Get("again").RestartCount > 0);
            Assert.Equal(0, (await fixture.DockerAsync("exec", "stays", "true")).ExitCode);
            int[] lines = [.. (await fixture.DockerAsync("logs", "stays")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
            Assert.Equal(Enumerable.Range(1, lines.Length), lines);
        }
        finally
        {
            await fixture.DisposeAsync();
        }
    }
}
