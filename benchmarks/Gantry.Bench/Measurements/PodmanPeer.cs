using Gantry.Bench.Instances;

namespace Gantry.Bench.Measurements;

/// <summary>podman with storage of its own and the same busybox. Runs in a mount namespace without the cgroup2 mount, whose mixture with cgroup v1 crun refuses.</summary>
internal sealed class PodmanPeer : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("gantry-bench-podman-").FullName;

    public string Name { get; private set; } = "podman";

    /// <summary>podman, ready to run; null where it is not installed or cannot run a container.</summary>
    public static async Task<PodmanPeer?> OpenAsync()
    {
        if (!Command.Exists("podman"))
        {
            return null;
        }

        var peer = new PodmanPeer();
        try
        {
            await peer.PrepareAsync();
            await peer.RunTrueAsync();
            return peer;
        }
        catch (BenchException failure)
        {
            await Console.Error.WriteLineAsync($"podman is left out: {failure.Message}");
            await peer.DisposeAsync();
            return null;
        }
    }

    /// <summary>`podman run --rm busybox true`.</summary>
    public Task<CommandResult> RunTrueAsync() => RunAsync("run", "--rm", "--pull=never", "busybox", "true");

    public async ValueTask DisposeAsync()
    {
        // A mount that podman keeps would keep the directory.
        await Command.RunAsync("umount", ["-q", "-l", Path.Combine(_directory, "root", "overlay")]);
        await Command.RunAsync("rm", ["-rf", "--one-file-system", _directory]);
    }

    private async Task PrepareAsync()
    {
        var version = await Command.RequireAsync("podman", ["--version"]);
        Name = version.Output.Trim().Replace("podman version", "podman", StringComparison.Ordinal);
        BusyboxBundle.MakeRootfs(Path.Combine(_directory, "rootfs"));
        var archive = Path.Combine(_directory, "busybox.tar");
        await Command.RequireAsync("tar", ["-C", Path.Combine(_directory, "rootfs"), "-cf", archive, "."]);
        await RunAsync("import", archive, "busybox");
    }

    private Task<CommandResult> RunAsync(params string[] arguments) => Command.RequireAsync("unshare",
    [
        "--mount", "sh", "-c", "umount /sys/fs/cgroup/unified 2>/dev/null; exec podman \"$@\"", "podman",
        "--root", Path.Combine(_directory, "root"), "--runroot", Path.Combine(_directory, "run"), "--cgroup-manager=cgroupfs", "--events-backend=none", .. arguments,
    ]);
}
