using System.Diagnostics;
using System.Security.Cryptography;
using Gantry.Build;
using Gantry.Engine;
using Gantry.Images;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;
using Gantry.Network;
using Gantry.Network.Addresses;
using Gantry.Oci;
using Gantry.Store.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gantry.Docker.Tests;

/// <summary>
/// The engine with its real runtime behind a Docker socket of its own, and the docker CLI to talk to it. Everything of it is
/// removed at the end. It has one image, busybox.
/// </summary>
public sealed class DockerFixture : IAsyncLifetime
{
    // Ranges differ between fixtures, and stay the same over a restart.
    private static int s_ranges = RandomNumberGenerator.GetInt32(32);

    private readonly int _third = Interlocked.Increment(ref s_ranges) % 32 * 8;
    private readonly string _id = "d" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(2));
    private readonly string _root;
    private readonly string _run;
    private WebApplication? _application;
    private SqliteStore? _store;
    private NetworkService? _networks;
    private DockerHandler? _handler;

    public DockerFixture()
    {
        _root = Path.Combine(Path.GetTempPath(), "engine-test-" + _id);
        _run = Path.Combine(Path.GetTempPath(), "engine-run-" + _id);
    }

    public ContainerEngine Engine { get; private set; } = null!;

    private string Socket => Path.Combine(_run, "docker.sock");

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(_root);
        Directory.CreateDirectory(_run);
        await StartAsync();
        await ImportBusyboxAsync();
    }

    /// <summary>Ends this engine as a kill would (containers go on) and starts the next one on the same state.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async Task DisposeAsync()
    {
        await Engine.ShutdownAsync(CancellationToken.None);
        await _networks!.ShutdownAsync(removeAll: true, CancellationToken.None);
        await StopAsync();
        Directory.Delete(_root, recursive: true);
        Directory.Delete(_run, recursive: true);
    }

    /// <summary>Runs the docker CLI to its end, at most a minute.</summary>
    internal async Task<CliResult> DockerAsync(params string[] arguments) => await DockerAsync(null, arguments);

    /// <summary>As <see cref="DockerAsync(string[])"/>, with standard input.</summary>
    internal async Task<CliResult> DockerAsync(byte[]? input, string[] arguments)
    {
        ProcessStartInfo start = new("docker", ["-H", "unix://" + Socket, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOCKER_BUILDKIT"] = "0";
        using Process process = Process.Start(start)!;
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(60));
        try
        {
            if (input is not null)
            {
                await process.StandardInput.BaseStream.WriteAsync(input, timeout.Token);
            }

            process.StandardInput.Close();
            Task<string> error = process.StandardError.ReadToEndAsync(timeout.Token);
            string output = await process.StandardOutput.ReadToEndAsync(timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return new CliResult(process.ExitCode, output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException("docker " + string.Join(' ', arguments) + " did not end");
        }
    }

    private async Task StartAsync()
    {
        _store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(_root, "engine.db")));
        _networks = new NetworkService(
            new NetworkOptions { InstanceId = _id, RunDirectory = _run, ContainerRange = Ipv4Range.Parse($"172.27.{_third}.0/21"), PodRange = Ipv4Range.Parse($"10.78.{_third}.0/24") },
            _store,
            NullLogger<NetworkService>.Instance);
        await _networks.InitializeAsync(CancellationToken.None);
        ImageService images = await ImageService.OpenAsync(new ImageServiceOptions { Root = Path.Combine(_root, "images") }, _store);
        EngineOptions options = new() { RootDirectory = _root, RunDirectory = _run, RuntimePath = RuntimeBinary.Path, CgroupParent = "gantry-" + _id };
        Engine = new ContainerEngine(options, _store, _networks, images, NullLoggerFactory.Instance);
        ImageBuilder builder = new(images, _store, new EngineBuildExecutor(Engine), Path.Combine(_root, "build"));
        await builder.RecoverAsync();
        await Engine.InitializeAsync(CancellationToken.None);
        _handler = new DockerHandler(Engine, builder, new DockerOptions { InstanceId = _id }, NullLogger<DockerHandler>.Instance);
        WebApplicationBuilder web = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        File.Delete(Socket);
        web.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(Socket, listener => DockerHandler.UseHijacking(listener, _handler.HandleAsync));
            kestrel.Limits.MinResponseDataRate = null;
        });
        _application = web.Build();
        _application.Run(_handler.HandleAsync);
        await _application.StartAsync();
    }

    private async Task StopAsync()
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(1));
        await _application!.StopAsync(patience.Token);
        await _application.DisposeAsync();
        await Engine.DisposeAsync();
        await _networks!.DisposeAsync();
        await _store!.DisposeAsync();
    }

    private async Task ImportBusyboxAsync()
    {
        using MemoryStream archive = new();
        TarWriter writer = new(archive);
        foreach (string directory in (string[])["bin", "etc", "root", "tmp", "usr"])
        {
            writer.Write(new TarEntry { Name = directory + "/", Type = TarEntryType.Directory, Permissions = directory == "tmp" ? 0x3ffu : 0x1ed });
        }

        writer.WriteFile("bin/busybox", await File.ReadAllBytesAsync("/bin/busybox"), 0x1ed);
        foreach (string applet in (string[])["sh", "cat", "echo", "true", "sleep", "id", "env", "ls", "touch", "ping", "wget", "httpd", "stty", "test", "mkdir", "pwd", "chown", "hostname", "usleep", "ip"])
        {
            writer.Write(new TarEntry { Name = "bin/" + applet, Type = TarEntryType.Symlink, LinkName = "busybox", Permissions = 0x1ff });
        }

        writer.WriteFile("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"u8.ToArray());
        writer.WriteFile("etc/group", "root:x:0:\nnogroup:x:65534:\n"u8.ToArray());
        writer.Complete();
        archive.Position = 0;
        await Engine.Images.ImportAsync(archive, new ContainerConfig { Cmd = ["sh"] }, "", [ImageReference.Parse("busybox:latest")]);
    }
}

/// <summary>What a run of the docker CLI said.</summary>
internal sealed record CliResult(int ExitCode, string Output, string Error)
{
    internal string Line => Output.Trim();

    internal CliResult Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error}");
        return this;
    }
}
