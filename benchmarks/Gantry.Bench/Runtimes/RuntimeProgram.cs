using System.Diagnostics;
using Gantry.Bench.Instances;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Bench.Runtimes;

/// <summary>An OCI runtime that is measured. All calls are made on the thread of a <see cref="RuntimeStage"/>.</summary>
/// <param name="name">What the state directory and the containers are called by.</param>
/// <param name="title">Name and version.</param>
/// <param name="path">The program's path.</param>
/// <param name="state">Its state root.</param>
internal sealed class RuntimeProgram(string name, string title, string path, string state)
{
    private static readonly string[] s_environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];

    private int _containers;

    public string Name => name;

    public string Title => title;

    public string State => state;

    /// <summary>Whether it is Gantry's.</summary>
    public bool IsOwn => Name.StartsWith("gantry", StringComparison.Ordinal);

    /// <summary>A name for a container that no other has.</summary>
    public string NextContainer() => $"bench-{Environment.ProcessId}-{Name}-{_containers++}";

    /// <summary>Runs a command to its end, which must be success; the milliseconds from before its start to its end.</summary>
    public double Time(params string[] arguments)
    {
        var began = Stopwatch.GetTimestamp();
        Finish(Start(arguments), arguments);
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    /// <summary>Starts a command; <see cref="Finish"/> waits for it.</summary>
    public int Start(params string[] arguments) => Start(path, [path, "--root", State, .. arguments]);

    /// <summary>Starts a command as a child of a control group.</summary>
    public int StartIn(string group, params string[] arguments) =>
        Start("/bin/sh", ["sh", "-c", "echo $$ > \"$0\"; exec \"$@\"", group + "/cgroup.procs", path, "--root", State, .. arguments]);

    public void Finish(int pid, params string[] arguments)
    {
        SysWait.Wait(pid, 0, out var status);
        if (status.ExitCode != 0)
        {
            throw new BenchException($"{Name} {string.Join(' ', arguments)} ended with {status.ExitCode}: {File.ReadAllText(ErrorPath).Trim()}");
        }
    }

    private string ErrorPath => State + ".err";

    private int Start(string program, string[] arguments)
    {
        using var nothing = Fcntl.Open("/dev/null", Fcntl.O_RDWR);
        using var error = Fcntl.Open(ErrorPath, Fcntl.O_WRONLY | Fcntl.O_CREAT | Fcntl.O_APPEND, 0x180);
        return Spawn.Start(program, arguments, s_environment, nothing.Number, nothing.Number, error.Number);
    }
}
