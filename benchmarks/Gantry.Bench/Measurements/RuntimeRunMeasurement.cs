using System.Globalization;
using Gantry.Bench.Instances;
using Gantry.Bench.Results;

namespace Gantry.Bench.Measurements;

/// <summary>
/// `run` of `true` in one bundle by gantry-runtime, crun and runc, in turns, so that other load meets all of them alike.
/// All in one private mount namespace without the cgroup2 mount, whose mixture with cgroup v1 Debian 12's crun refuses;
/// state on tmpfs. One shell starts every run and takes the time around it.
/// </summary>
internal static class RuntimeRunMeasurement
{
    private const int Runs = 50;
    private const int WarmRuns = 5;

    // Arguments: directory, runs, then name=program pairs. Prints "name microseconds" for each run.
    private const string Script = """
        set -eu
        directory=$1 runs=$2
        shift 2
        umount /sys/fs/cgroup/unified 2>/dev/null || true
        mount -t tmpfs tmpfs "$directory/state"
        mkdir -p "$directory/fixed"
        mount --bind "$(dirname "$GANTRY_RUNTIME")" "$directory/fixed"
        mount -o remount,bind,ro "$directory/fixed"
        for ((run = 0; run < runs; run++)); do
            for pair in "$@"; do
                name=${pair%%=*}
                before=${EPOCHREALTIME/./}
                "${pair#*=}" --root "$directory/state/$name" run --bundle "$directory" "bench-$$-$name" </dev/null >/dev/null
                after=${EPOCHREALTIME/./}
                echo "$name $((after - before))"
            done
        done
        """;

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        var directory = Directory.CreateTempSubdirectory("gantry-bench-runtime-").FullName;
        try
        {
            await BusyboxBundle.MakeAsync(directory);
            Directory.CreateDirectory(Path.Combine(directory, "state"));
            var peers = new Dictionary<string, string>();
            foreach (var name in (string[])["crun", "runc"])
            {
                if (Command.Exists(name) && await WorksAsync(directory, name))
                {
                    peers[name] = await VersionAsync(name);
                }
            }

            var times = await TimeAsync(directory, WarmRuns + Runs, ["gantry-fixed=" + Path.Combine(directory, "fixed", "gantry-runtime"), "gantry=" + Repository.Runtime, .. peers.Keys.Select(name => $"{name}={name}")]);
            return Metrics(times, peers);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static List<Metric> Metrics(Dictionary<string, List<double>> times, Dictionary<string, string> peers)
    {
        var metrics = new List<Metric>();
        foreach (var (own, suffix, variant) in (ReadOnlySpan<(string, string, string)>)[("gantry-fixed", "", "read-only mount"), ("gantry", "_writable", "writable mount")])
        {
            if (peers.Count == 0)
            {
                metrics.Add(new Metric("runtime_run" + suffix, "ms", times[own]) { Note = $"program on a {variant}; no peer: neither crun nor runc runs a container here" });
            }

            foreach (var (name, version) in peers)
            {
                // crun is the peer that was promised to be slower; any other has its name in the metric's.
                var peer = name == "crun" ? "" : "_" + name;
                metrics.Add(new Metric($"runtime_run{suffix}{peer}", "ms", times[own]) { Peer = version, PeerValues = times[name], RatioTarget = name == "crun" ? 1 : null, Note = $"program on a {variant}" });
            }
        }

        return metrics;
    }

    private static async Task<bool> WorksAsync(string directory, string name)
    {
        try
        {
            await TimeAsync(directory, WarmRuns + 1, [$"{name}={name}"]);
            return true;
        }
        catch (BenchException failure)
        {
            await Console.Error.WriteLineAsync($"{name} is left out: {failure.Message.Split('\n')[^1]}");
            return false;
        }
    }

    private static async Task<string> VersionAsync(string name)
    {
        var version = await Command.RequireAsync(name, ["--version"]);
        return version.Output.Split('\n')[0].Replace(" version", "", StringComparison.Ordinal).Trim();
    }

    private static async Task<Dictionary<string, List<double>>> TimeAsync(string directory, int runs, string[] programs)
    {
        var environment = new Dictionary<string, string> { ["GANTRY_RUNTIME"] = Repository.Runtime };
        var result = await Command.RequireAsync(
            "unshare", ["--mount", "bash", "-c", Script, "bash", directory, runs.ToString(CultureInfo.InvariantCulture), .. programs], environment, seconds: 120);
        return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' '))
            .GroupBy(fields => fields[0])
            .ToDictionary(group => group.Key, group => group.Skip(WarmRuns).Select(fields => double.Parse(fields[1], CultureInfo.InvariantCulture) / 1000).ToList());
    }
}
