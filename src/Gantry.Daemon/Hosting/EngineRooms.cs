using Gantry.Build;
using Gantry.Daemon.Configuration;
using Gantry.Docker;
using Gantry.Engine;
using Gantry.Images;
using Gantry.Images.Bootstrap;
using Gantry.Network;
using Gantry.Registry;
using Gantry.Store.Sqlite;
using Microsoft.Extensions.Logging;

namespace Gantry.Daemon.Hosting;

/// <summary>The engine floor, composed: store, images, networks, containers, builds, and its two doors.</summary>
internal sealed class EngineRooms : IAsyncDisposable
{
    private readonly SqliteStore _store;
    private readonly NetworkService _networks;

    private EngineRooms(SqliteStore store, NetworkService networks, ImageService images, ContainerEngine engine, DockerHandler docker, RegistryHandler registry)
    {
        _store = store;
        _networks = networks;
        Images = images;
        Engine = engine;
        Docker = docker;
        Registry = registry;
        Bootstrap = new ImageBootstrap(images);
    }

    public ImageService Images { get; }

    public ContainerEngine Engine { get; }

    public DockerHandler Docker { get; }

    public RegistryHandler Registry { get; }

    public ImageBootstrap Bootstrap { get; }

    /// <summary>Opens everything and adopts the containers that run.</summary>
    public static async Task<EngineRooms> StartAsync(DaemonOptions options, string version, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(options.Root, "engine.db")) { WindowCommits = 256, WindowAge = TimeSpan.Zero, HistorySpan = TimeSpan.Zero });
        try
        {
            var port = options.RegistryAddress.Port;
            var imageOptions = new ImageServiceOptions
            {
                Root = Path.Combine(options.Root, "images"),
                OwnRegistries = [$"localhost:{port}", $"127.0.0.1:{port}", $"{options.RegistryAddress.Address}:{port}"],
                RegistryMirrors = options.RegistryMirrors,
                InsecureRegistries = options.InsecureRegistries,
            };
            var images = await ImageService.OpenAsync(imageOptions, store, cancellationToken).ConfigureAwait(false);
            var networks = new NetworkService(
                new NetworkOptions
                {
                    InstanceId = options.InstanceId,
                    RunDirectory = options.RunDirectory,
                    ContainerRange = options.ContainerRange,
                    PodRange = options.NodePodRange,
                    PodClusterRange = options.PodClusterRange,
                },
                store,
                loggers.CreateLogger<NetworkService>());
            await networks.InitializeAsync(cancellationToken).ConfigureAwait(false);
            var engine = new ContainerEngine(
                new EngineOptions
                {
                    RootDirectory = options.Root,
                    RunDirectory = options.RunDirectory,
                    RuntimePath = options.RuntimePath,
                    CgroupParent = options.CgroupRoot,
                },
                store,
                networks,
                images,
                loggers);
            await engine.InitializeAsync(cancellationToken).ConfigureAwait(false);
            var builder = new ImageBuilder(images, store, new EngineBuildExecutor(engine), Path.Combine(options.Root, "build"));
            await builder.RecoverAsync(cancellationToken).ConfigureAwait(false);
            var docker = new DockerHandler(engine, builder, new DockerOptions { InstanceId = options.InstanceId, Version = version }, loggers.CreateLogger<DockerHandler>());
            return new EngineRooms(store, networks, images, engine, docker, new RegistryHandler(images));
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>For down: stops all containers and takes everything out of the kernel.</summary>
    public async Task ShutdownAsync(CancellationToken cancellationToken)
    {
        await Engine.ShutdownAsync(cancellationToken).ConfigureAwait(false);
        await _networks.ShutdownAsync(removeAll: true, cancellationToken).ConfigureAwait(false);
    }

    public NetworkService Networks => _networks;

    public async ValueTask DisposeAsync()
    {
        await Engine.DisposeAsync().ConfigureAwait(false);
        await _networks.DisposeAsync().ConfigureAwait(false);
        await _store.DisposeAsync().ConfigureAwait(false);
    }
}
