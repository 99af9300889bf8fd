using System.Runtime.ExceptionServices;
using Gantry.Bench.Instances;
using Gantry.Bench.Measurements;
using Gantry.Linux.Native;

namespace Gantry.Bench.Runtimes;

/// <summary>
/// Where runtimes are measured: one thread in a mount namespace of its own, without the cgroup2 mount beside cgroup v1, which
/// Debian 12's crun refuses; state on tmpfs; Gantry's program once on a writable and once on a read-only mount, and the
/// peers: crun and runc from GANTRY_BENCH_CRUN and GANTRY_BENCH_RUNC, or from the PATH.
/// </summary>
internal sealed class RuntimeStage
{
    private RuntimeStage(string directory, IReadOnlyList<RuntimeProgram> programs) => (Directory, Programs) = (directory, programs);

    /// <summary>The bundle's directory.</summary>
    public string Directory { get; }

    /// <summary>Gantry's first.</summary>
    public IReadOnlyList<RuntimeProgram> Programs { get; }

    /// <summary>Prepares all that, runs the measurement and takes everything away.</summary>
    public static async Task<T> RunAsync<T>(string[] arguments, Func<RuntimeStage, T> measure)
    {
        var directory = System.IO.Directory.CreateTempSubdirectory("gantry-bench-runtime-").FullName;
        try
        {
            BusyboxBundle.Make(directory, arguments);
            var programs = await FindAsync(directory);
            return OnOwnThread(() => Measure(directory, programs, measure));
        }
        finally
        {
            System.IO.Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>
    /// Blocks, and lets the thread do nothing but the work: threads that it caused to be started would be in its mount namespace.
    /// </summary>
    private static T OnOwnThread<T>(Func<T> work)
    {
        var result = default(T);
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = work();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    private static T Measure<T>(string directory, List<RuntimeProgram> programs, Func<RuntimeStage, T> measure)
    {
        Sched.Unshare(Sched.CLONE_NEWNS);
        SysMount.Mount(null, "/", null, SysMount.MS_PRIVATE | SysMount.MS_REC);
        _ = SysMount.TryUnmount("/sys/fs/cgroup/unified", SysMount.MNT_DETACH);
        Mount("tmpfs", directory, "state", "tmpfs", 0);
        Mount(Path.GetDirectoryName(Repository.Runtime)!, directory, "fixed", null, SysMount.MS_BIND);
        SysMount.Mount(null, $"{directory}/fixed", null, SysMount.MS_BIND | SysMount.MS_REMOUNT | SysMount.MS_RDONLY);
        try
        {
            programs.RemoveAll(program => !Works(program, directory));
            return measure(new RuntimeStage(directory, programs));
        }
        finally
        {
            SysMount.Unmount($"{directory}/state", SysMount.MNT_DETACH);
            SysMount.Unmount($"{directory}/fixed", SysMount.MNT_DETACH);
        }
    }

    private static void Mount(string source, string directory, string name, string? type, ulong flags)
    {
        var target = System.IO.Directory.CreateDirectory($"{directory}/{name}").FullName;
        SysMount.Mount(source, target, type, flags);
    }

    private static bool Works(RuntimeProgram program, string directory)
    {
        try
        {
            var container = program.NextContainer();
            program.Time("create", "--bundle", directory, container);
            program.Time("delete", "--force", container);
            return true;
        }
        catch (BenchException failure) when (!program.IsOwn)
        {
            Console.Error.WriteLine($"{program.Name} is left out: {failure.Message}");
            return false;
        }
    }

    private static async Task<List<RuntimeProgram>> FindAsync(string directory)
    {
        List<RuntimeProgram> programs =
        [
            new("gantry", "gantry-runtime on a writable mount", Repository.Runtime, $"{directory}/state/gantry"),
            new("gantry-fixed", "gantry-runtime on a read-only mount", $"{directory}/fixed/gantry-runtime", $"{directory}/state/gantry-fixed"),
        ];
        foreach (var name in (string[])["crun", "runc"])
        {
            if (Command.Find(Environment.GetEnvironmentVariable($"GANTRY_BENCH_{name.ToUpperInvariant()}") ?? name) is { } path)
            {
                var version = await Command.RequireAsync(path, ["--version"]);
                programs.Add(new(name, version.Output.Split('\n')[0].Replace(" version", "", StringComparison.Ordinal).Trim(), path, $"{directory}/state/{name}"));
            }
        }

        return programs;
    }
}
