using Gantry.Engine.Archives;
using Gantry.Engine.Containers;
using Gantry.Engine.Events;
using Gantry.Engine.Execs;
using Gantry.Engine.Sandboxes;
using Gantry.Engine.Stats;
using Gantry.Engine.Volumes;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Network;
using Gantry.Oci;
using Gantry.Store;
using Microsoft.Extensions.Logging;

namespace Gantry.Engine;

/// <summary>
/// One machine's containers. Thread-safe; containers are named by id, name or unique beginning of an id. Every state that a
/// call reports is in the store before; gantryd may be killed at any moment, containers go on, and
/// <see cref="InitializeAsync"/> of the next one finds them with the same process ids.
/// <para>Unknown references are <c>NotFound</c>, and messages are those that Docker's users know.</para>
/// </summary>
public sealed partial class ContainerEngine : IAsyncDisposable
{
    private readonly EngineOptions _options;
    private readonly ContainerTable _table;
    private readonly ContainerFactory _factory;
    private readonly ContainerLauncher _launcher;
    private readonly ContainerSupervisor _supervisor;
    private readonly ExecService _execs;
    private readonly NetworkPlanner _planner;
    private readonly ContainerFiles _files;
    private readonly ContainerUsage _usage;

    /// <summary>Puts the engine together; call <see cref="InitializeAsync"/> before anything else. The other rooms must be initialized before, and are not disposed of by the engine.</summary>
    public ContainerEngine(EngineOptions options, IStore store, NetworkService networks, ImageService images, ILoggerFactory loggers, TimeProvider? time = null)
    {
        TimeProvider clock = time ?? TimeProvider.System;
        _options = options;
        Networks = networks;
        Images = images;
        Events = new EventHub(clock);
        Volumes = new VolumeStore(options.VolumesDirectory, store, Events);
        Sandboxes = new SandboxService(options, store, networks);
        _table = new ContainerTable(store);
        MountResolver mounts = new(Volumes);
        _factory = new ContainerFactory(options, images, _table, mounts);
        _planner = new NetworkPlanner(options, networks, _table, Sandboxes);
        _launcher = new ContainerLauncher(options, images, networks, _planner, mounts);
        _execs = new ExecService(Events, clock);
        _supervisor = new ContainerSupervisor(_table, _launcher, _factory, _execs, Volumes, Events, clock, loggers.CreateLogger<ContainerSupervisor>());
        _files = new ContainerFiles(images, _launcher);
        _usage = new ContainerUsage(options, networks);
        images.UsedBy = UsesOf;
    }

    /// <summary>Networks.</summary>
    public NetworkService Networks { get; }

    /// <summary>Images.</summary>
    public ImageService Images { get; }

    /// <summary>Named volumes. Removing goes through <see cref="RemoveVolumeAsync"/>.</summary>
    public VolumeStore Volumes { get; }

    /// <summary>What happens.</summary>
    public EventHub Events { get; }

    /// <summary>Pod sandboxes.</summary>
    public SandboxService Sandboxes { get; }

    /// <summary>The options.</summary>
    public EngineOptions Options => _options;

    /// <summary>
    /// Loads the records, adopts containers that run, records ends that happened meanwhile, removes what was left half made,
    /// and starts what restart policies ask for.
    /// </summary>
    public async Task InitializeAsync(CancellationToken cancellationToken)
    {
        foreach (string directory in (string[])[_options.ContainersDirectory, _options.VolumesDirectory, _options.SocketDirectory, _options.RuntimeRoot])
        {
            Directory.CreateDirectory(directory);
        }

        await _table.LoadAsync(cancellationToken).ConfigureAwait(false);
        await Volumes.LoadAsync(cancellationToken).ConfigureAwait(false);
        await Sandboxes.LoadAsync(cancellationToken).ConfigureAwait(false);
        Recovery recovery = new(_table, _launcher, _factory, _supervisor, Networks, Images, Sandboxes, _options);
        await recovery.RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// For down: stops every container and removes what the engine has in the kernel (processes, mounts, cgroups, namespaces).
    /// Records, volumes and images stay; restart policies start their containers again with the next start.
    /// </summary>
    public async Task ShutdownAsync(CancellationToken cancellationToken)
    {
        await _supervisor.StopAllAsync(cancellationToken).ConfigureAwait(false);
        await Sandboxes.ShutdownAsync(cancellationToken).ConfigureAwait(false);
        Linux.Cgroups.ControlGroup.Open("/" + _options.CgroupParent.Trim('/')).Remove();
    }

    /// <summary>Disconnects from the containers, which go on.</summary>
    public async ValueTask DisposeAsync() => await _supervisor.DisposeAsync().ConfigureAwait(false);

    /// <summary>All containers.</summary>
    public IReadOnlyList<ContainerRecord> List() => [.. _table.All().Select(container => Shown(container))];

    /// <summary>One container.</summary>
    public ContainerRecord Get(string reference) => Shown(_table.Get(reference));

    /// <summary>One container, or null.</summary>
    public ContainerRecord? Find(string id) => _table.FindById(id) is { } container ? Shown(container) : null;

    /// <summary>Path of a container's log file; null when it has none.</summary>
    public string? LogPath(ContainerRecord container) => _launcher.LogPath(container);

    /// <summary>Path of a file of /etc that the engine writes for a container: hosts, hostname, resolv.conf.</summary>
    public string EtcPath(ContainerRecord container, string file) => Path.Combine(_launcher.BundlePath(container.Id), file);

    private static ContainerRecord Shown(Container container) =>
        container.Health is { } health ? container.Record with { Health = health.Status } : container.Record;

    private List<ImageUse> UsesOf(Digest image)
    {
        string id = image.ToString();
        return [.. _table.All().Where(container => container.Record.ImageId == id).Select(container => new ImageUse(container.Id, container.Record.IsRunning))];
    }

    private static FaultException NotRunning(ContainerRecord record) => new(FaultKind.Conflict, $"container {record.Id} is not running");
}
