using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Gantry.Bench.Instances;

/// <summary>
/// A gantryd of its own: root in a temporary directory, free ports, ranges that no default instance uses. Disposal takes
/// it down and deletes the root, also when the measurement failed.
/// </summary>
internal sealed class GantryInstance : IAsyncDisposable
{
    private const string ReadyLine = "Gantry was ready";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);
    private readonly int _apiPort = FreePort();
    private Process? _process;
    private TaskCompletionSource<long> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GantryInstance()
    {
        Root = Directory.CreateTempSubdirectory("gantry-bench-").FullName;
        _environment["GANTRY_ROOT"] = Root;
        _environment["GANTRY_RUN_DIRECTORY"] = Path.Combine(Root, "run");
        _environment["GANTRY_API_ADDRESS"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_apiPort}");
        _environment["GANTRY_REGISTRY_ADDRESS"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{FreePort()}");
        _environment["GANTRY_POD_RANGE"] = "10.150.0.0/16";
        _environment["GANTRY_SERVICE_RANGE"] = "10.151.0.0/16";
        _environment["GANTRY_CONTAINER_RANGE"] = "172.25.0.0/16";
        _environment["GANTRY_NODE_NAME"] = "node";
        _environment["DOCKER_HOST"] = $"unix://{Root}/run/docker.sock";
        _environment["KUBECONFIG"] = Kubeconfig;
        // kubectl keeps what it discovered below HOME: nothing of another cluster, and nothing that stays.
        _environment["HOME"] = Root;
    }

    public string Root { get; }

    public string Kubeconfig => Path.Combine(Root, "kubeconfig");

    public int Pid => _process?.Id ?? throw new BenchException("gantryd is not running");

    public IReadOnlyDictionary<string, string> Environment => _environment;

    /// <summary>A started instance that says it is ready.</summary>
    public static async Task<GantryInstance> StartedAsync()
    {
        var instance = new GantryInstance();
        try
        {
            instance.Start();
            await instance.WaitReadyAsync();
            return instance;
        }
        catch
        {
            await instance.DisposeAsync();
            throw;
        }
    }

    /// <summary>Executes gantryd and returns at once: the moment of the execution.</summary>
    public long Start()
    {
        _ready = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        var start = new ProcessStartInfo(Repository.Daemon) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }

        var began = Stopwatch.GetTimestamp();
        _process = Process.Start(start) ?? throw new BenchException("gantryd could not be started");
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        return began;
    }

    /// <summary>The moment when gantryd said it was ready.</summary>
    public async Task<long> WaitReadyAsync()
    {
        try
        {
            return await _ready.Task.WaitAsync(s_patience);
        }
        catch (TimeoutException)
        {
            throw new BenchException($"gantryd was not ready after {s_patience.TotalSeconds} s:\n{ReadLog()}");
        }
    }

    /// <summary>The moment when `kubectl get nodes` showed the node as Ready.</summary>
    public async Task<long> WaitNodeReadyAsync()
    {
        var deadline = Stopwatch.GetTimestamp() + (long)(s_patience.TotalSeconds * Stopwatch.Frequency);
        // A kubectl that cannot connect would only take processor time from the start that is measured.
        while (!File.Exists(Kubeconfig) || !Listens())
        {
            Check(deadline);
            await Task.Delay(2);
        }

        while (true)
        {
            var nodes = await KubectlAsync("get", "nodes", "--no-headers");
            if (nodes.Code == 0 && nodes.Output.Split(' ', StringSplitOptions.RemoveEmptyEntries).Contains("Ready"))
            {
                return Stopwatch.GetTimestamp();
            }

            Check(deadline);
        }
    }

    public Task<CommandResult> KubectlAsync(params string[] arguments) => Command.RunAsync("kubectl", arguments, _environment);

    public Task<CommandResult> ApplyAsync(string manifest) => Command.RequireAsync("kubectl", ["apply", "-f", "-"], _environment, manifest);

    public Task<CommandResult> DockerAsync(params string[] arguments) => Command.RequireAsync("docker", arguments, _environment);

    /// <summary>Makes the busybox image from the machine's own package.</summary>
    public Task MakeBusyboxAsync() => Command.RequireAsync(Repository.Cli, ["image", "bootstrap", "busybox:latest"], _environment, seconds: 120);

    /// <summary>Takes everything out of the kernel and ends gantryd; the root stays.</summary>
    public async Task DownAsync()
    {
        if (_process is not { } process)
        {
            return;
        }

        if (!process.HasExited)
        {
            var down = await Command.RunAsync(Repository.Cli, ["down", "--root", Root], _environment, seconds: 60);
            if (down.Code != 0)
            {
                await Console.Error.WriteLineAsync($"gantry down: {down.Error}");
            }
        }

        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        await DownAsync();
        Directory.Delete(Root, recursive: true);
    }

    private void Check(long deadline)
    {
        if (_process is null or { HasExited: true } || Stopwatch.GetTimestamp() > deadline)
        {
            throw new BenchException($"the node did not become Ready:\n{ReadLog()}");
        }
    }

    private bool Listens()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(IPAddress.Loopback, _apiPort);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        if (line.Contains(ReadyLine, StringComparison.Ordinal))
        {
            _ready.TrySetResult(Stopwatch.GetTimestamp());
        }

        lock (_environment)
        {
            File.AppendAllText(Path.Combine(Root, "gantryd.log"), line + "\n");
        }
    }

    private string ReadLog()
    {
        var path = Path.Combine(Root, "gantryd.log");
        return File.Exists(path) ? string.Join('\n', File.ReadLines(path).TakeLast(10)) : "";
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
