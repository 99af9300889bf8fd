using Gantry.Bench.Instances;
using Gantry.Bench.Results;

namespace Gantry.Bench.Measurements;

/// <summary>`docker run --rm busybox true` by the docker CLI, in turns with podman where that is installed.</summary>
internal static class DockerRunMeasurement
{
    private const int Runs = 30;
    private const int WarmRuns = 5;

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        if (!Command.Exists("docker"))
        {
            throw new BenchException("the docker CLI is not on the PATH");
        }

        await using var instance = await GantryInstance.StartedAsync();
        await instance.MakeBusyboxAsync();
        await using var podman = await PodmanPeer.OpenAsync();
        var (own, peer) = (new List<double>(), new List<double>());
        for (var run = -WarmRuns; run < Runs; run++)
        {
            var docker = await instance.DockerAsync("run", "--rm", "busybox", "true");
            var other = podman is null ? null : await podman.RunTrueAsync();
            if (run >= 0)
            {
                own.Add(docker.Elapsed.TotalMilliseconds);
                peer.AddRange(other is null ? [] : [other.Elapsed.TotalMilliseconds]);
            }
        }

        var metric = new Metric("docker_run", "ms", own) { Peer = podman?.Name, PeerValues = peer, RatioTarget = 1.0 / 3 };
        return [podman is null ? metric with { Note = "no peer: podman is not on the PATH or runs no container here" } : metric];
    }
}
