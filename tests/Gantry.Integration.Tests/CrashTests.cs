using System.Globalization;

namespace Gantry.Integration.Tests;

/// <summary>gantryd may be killed at any moment: containers go on, logs lose nothing, acknowledged writes stay.</summary>
public sealed class CrashTests(GantryInstance gantry) : IClassFixture<GantryInstance>
{
    private const int Kills = 5;

    [Fact]
    public async Task Kill_WhileContainersAndObjectsAreMade_LosesNothingAcknowledged()
    {
        await gantry.DockerOutputAsync("run", "-d", "--name", "counter", "busybox", "sh", "-c", "i=0; while true; do echo $i; i=$((i+1)); usleep 2000; done");
        var pid = await gantry.DockerOutputAsync("inspect", "counter", "--format", "{{.State.Pid}}");
        var random = new Random(1);
        var acknowledged = new List<string>();
        for (var kill = 0; kill < Kills; kill++)
        {
            using var stop = new CancellationTokenSource();
            var round = kill;
            var writer = Task.Run(async () =>
            {
                for (var i = 0; !stop.IsCancellationRequested; i++)
                {
                    var name = $"object-{round}-{i}";
                    if ((await gantry.KubectlAsync("create", "configmap", name, "--from-literal=a=b")).Code == 0)
                    {
                        acknowledged.Add(name);
                    }

                    await gantry.DockerAsync("run", "--rm", "busybox", "true");
                }
            });
            await Task.Delay(random.Next(200, 1500));
            await gantry.KillAsync();
            await stop.CancelAsync();
            await writer;
            await gantry.UpAsync();
        }

        Assert.Equal(pid, await gantry.DockerOutputAsync("inspect", "counter", "--format", "{{.State.Pid}}"));
        // A container whose creation was acknowledged and that was not started yet stays, as with Docker; nothing else runs.
        Assert.Equal("counter", await gantry.DockerOutputAsync("ps", "--format", "{{.Names}}"));
        var present = (await gantry.KubectlOutputAsync("get", "configmaps", "-o", "name")).Split('\n').Select(line => line["configmap/".Length..]).ToHashSet(StringComparer.Ordinal);
        Assert.NotEmpty(acknowledged);
        Assert.All(acknowledged, name => Assert.Contains(name, present));

        await gantry.DockerOutputAsync("stop", "-t", "0", "counter");
        var lines = (await gantry.DockerOutputAsync("logs", "counter")).Split('\n');
        Assert.Equal(Enumerable.Range(0, lines.Length).Select(number => number.ToString(CultureInfo.InvariantCulture)), lines);
    }
}
