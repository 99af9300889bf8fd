using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Gantry.Integration.Tests;

/// <summary>
/// A gantryd of its own for a test class: its own root, ports and ranges, the built programs, the real docker and kubectl.
/// Whatever a test does, everything is taken down at the end.
/// </summary>
public sealed class GantryInstance : IAsyncLifetime
{
    private static int s_count;
    private readonly int _number = Interlocked.Increment(ref s_count);
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);

    public GantryInstance()
    {
        Root = Directory.CreateTempSubdirectory("gantry-it-").FullName;
        ApiPort = FreePort();
        RegistryPort = FreePort();
        var third = 100 + (_number % 20);
        _environment["GANTRY_API_ADDRESS"] = $"127.0.0.1:{ApiPort}";
        _environment["GANTRY_REGISTRY_ADDRESS"] = $"127.0.0.1:{RegistryPort}";
        _environment["GANTRY_POD_RANGE"] = $"10.{third}.0.0/16";
        _environment["GANTRY_SERVICE_RANGE"] = $"10.{third + 20}.0.0/16";
        _environment["GANTRY_CONTAINER_RANGE"] = string.Create(CultureInfo.InvariantCulture, $"172.{16 + (_number % 8)}.0.0/16");
        _environment["GANTRY_NODE_NAME"] = "node";
        _environment["GANTRY_ROOT"] = Root;
    }

    public string Root { get; }

    public int ApiPort { get; }

    public int RegistryPort { get; }

    public int Pid { get; private set; }

    private static string Program { get; } = Path.Combine(FindRepository(), "artifacts", "gantry", "gantry");

    public async Task InitializeAsync()
    {
        await UpAsync();
        var made = await GantryAsync("image", "bootstrap", "busybox:latest");
        Assert.True(made.Code == 0, made.All);
    }

    public async Task DisposeAsync()
    {
        await Command.RunAsync(Program, ["down"], _environment, seconds: 120);
        Directory.Delete(Root, recursive: true);
    }

    /// <summary>Starts gantryd and waits until it is ready.</summary>
    internal async Task UpAsync()
    {
        var up = await GantryAsync("up");
        Assert.True(up.Code == 0, $"{up.All}\n{ReadLog()}");
        var status = await GantryAsync("status");
        Pid = int.Parse(status.Output.Split("process ")[1].Split(',')[0], CultureInfo.InvariantCulture);
        _environment["DOCKER_HOST"] = status.Output.Split("DOCKER_HOST=")[1].Split('\n')[0];
        _environment["KUBECONFIG"] = status.Output.Split("KUBECONFIG=")[1].Split('\n')[0];
    }

    /// <summary>Kills gantryd as a crash would, and waits until the process is gone.</summary>
    internal async Task KillAsync()
    {
        using var process = System.Diagnostics.Process.GetProcessById(Pid);
        process.Kill();
        await process.WaitForExitAsync();
    }

    internal Task<CommandResult> GantryAsync(params string[] arguments) => Command.RunAsync(Program, arguments, _environment, seconds: 120);

    internal Task<CommandResult> DockerAsync(params string[] arguments) => Command.RunAsync("docker", arguments, _environment);

    internal Task<CommandResult> KubectlAsync(params string[] arguments) => Command.RunAsync("kubectl", arguments, _environment);

    internal Task<CommandResult> ApplyAsync(string manifest) => Command.RunAsync("kubectl", ["apply", "-f", "-"], _environment, manifest);

    /// <summary>Runs docker and returns its output; fails the test when docker fails.</summary>
    internal async Task<string> DockerOutputAsync(params string[] arguments)
    {
        var result = await DockerAsync(arguments);
        Assert.True(result.Code == 0, $"docker {string.Join(' ', arguments)}: {result.All}\n{ReadLog()}");
        return result.Output.Trim();
    }

    /// <summary>Runs kubectl and returns its output; fails the test when kubectl fails.</summary>
    internal async Task<string> KubectlOutputAsync(params string[] arguments)
    {
        var result = await KubectlAsync(arguments);
        Assert.True(result.Code == 0, $"kubectl {string.Join(' ', arguments)}: {result.All}\n{ReadLog()}");
        return result.Output.Trim();
    }

    /// <summary>Waits until a condition holds; fails with what it last saw.</summary>
    internal async Task WaitAsync(string what, Func<Task<(bool Holds, string Seen)>> condition, int seconds = 60)
    {
        var deadline = DateTime.UtcNow.AddSeconds(seconds);
        string seen;
        do
        {
            (var holds, seen) = await condition();
            if (holds)
            {
                return;
            }

            await Task.Delay(100);
        }
        while (DateTime.UtcNow < deadline);
        Assert.Fail($"{what} did not come true; last seen: {seen}\n{ReadLog()}");
    }

    private string ReadLog()
    {
        var path = Path.Combine(Root, "gantryd.log");
        return File.Exists(path) ? string.Join('\n', File.ReadLines(path).TakeLast(15)) : "";
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static string FindRepository()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Gantry.slnx")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new DirectoryNotFoundException("Gantry.slnx");
        }

        return directory;
    }
}
