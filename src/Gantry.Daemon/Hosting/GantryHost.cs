using System.Diagnostics;
using Gantry.Daemon.Configuration;
using Gantry.Daemon.Control;
using Gantry.Daemon.Logging;
using Gantry.Linux.Cgroups;
using Microsoft.Extensions.Logging;

namespace Gantry.Daemon.Hosting;

/// <summary>The whole program: composes the rooms, opens the doors, and closes them again.</summary>
internal sealed partial class GantryHost(DaemonOptions options, string version)
{
    private readonly LineLoggerProvider _logging = new(Enum.TryParse<LogLevel>(options.LogLevel, ignoreCase: true, out var level) ? level : LogLevel.Information);
    private readonly TaskCompletionSource<bool> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _ready;
    private EngineRooms? _engine;
    private ClusterRooms? _cluster;

    /// <summary>Whether everything has started.</summary>
    public bool IsReady => _ready;

    public DaemonOptions Options => options;

    public EngineRooms Engine => _engine!;

    public ClusterRooms Cluster => _cluster!;

    /// <summary>Ends the program. With <paramref name="removeAll"/> containers are stopped and nothing stays in the kernel.</summary>
    public void End(bool removeAll) => _ended.TrySetResult(removeAll);

    /// <summary>Runs until <see cref="End"/>.</summary>
    public async Task RunAsync()
    {
        using var loggers = new LoggerFactory([_logging], new LoggerFilterOptions { MinLevel = LogLevel.Trace });
        var logger = loggers.CreateLogger<GantryHost>();
        var started = Stopwatch.GetTimestamp();
        Directory.CreateDirectory(options.Root);
        Directory.CreateDirectory(options.RunDirectory);

        // The engine waits for the kernel, the API for the processor: they start side by side.
        var engineStart = Task.Run(() => EngineRooms.StartAsync(options, version, loggers, CancellationToken.None));
        var clusterStart = Task.Run(() => ClusterRooms.OpenAsync(options, loggers, CancellationToken.None));
        await Task.WhenAll(engineStart, clusterStart).ConfigureAwait(false);
        await using var engine = _engine = await engineStart.ConfigureAwait(false);
        await using var cluster = _cluster = await clusterStart.ConfigureAwait(false);
        var control = new ControlHandler(this, version);
        var working = cluster.StartAsync(engine, version, CancellationToken.None);
        await using var doors = await Doors.OpenAsync(
            options,
            cluster.Certificates.Serving,
            Engine.Docker.HandleAsync,
            control.HandleAsync,
            Engine.Registry.HandleAsync,
            cluster.Api.HandleAsync,
            _logging,
            CancellationToken.None).ConfigureAwait(false);
        KubeconfigFile.Write(options, cluster.Certificates);
        await working.ConfigureAwait(false);
        _ready = true;
        LogReady(logger, Stopwatch.GetElapsedTime(started).TotalMilliseconds);

        var removeAll = await _ended.Task.ConfigureAwait(false);
        if (removeAll)
        {
            await cluster.StopWorkAsync().ConfigureAwait(false);
            await engine.ShutdownAsync(CancellationToken.None).ConfigureAwait(false);
            cluster.RemoveAll();
            ControlGroup.Open(options.CgroupRoot).Remove();
        }

        await doors.DisposeAsync().ConfigureAwait(false);
        if (removeAll)
        {
            Directory.Delete(options.RunDirectory, recursive: true);
        }

        LogEnding(logger, removeAll ? "everything removed from the kernel" : "containers go on");
    }

    [LoggerMessage(9001, LogLevel.Information, "Gantry was ready after {Milliseconds:0} ms")]
    private static partial void LogReady(ILogger logger, double milliseconds);

    [LoggerMessage(9002, LogLevel.Information, "Gantry ended: {How}")]
    private static partial void LogEnding(ILogger logger, string how);
}
