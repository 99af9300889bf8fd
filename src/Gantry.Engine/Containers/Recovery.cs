using Gantry.Engine.Sandboxes;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Monitor;
using Gantry.Network;
using Gantry.Network.Sandboxes;

namespace Gantry.Engine.Containers;

/// <summary>
/// Brings records and kernel together at the start: what runs is adopted, what ended meanwhile is recorded, what no record
/// knows is removed, and what restart policies want is started.
/// </summary>
internal sealed class Recovery(
    ContainerTable table, ContainerLauncher launcher, ContainerFactory factory, ContainerSupervisor supervisor, NetworkService networks, ImageService images,
    SandboxService sandboxes, EngineOptions options)
{
    // 64 hexadecimal digits: the engine's own snapshots, as opposed to those of builds.
    private const int IdLength = 64;

    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        await SweepAsync(cancellationToken).ConfigureAwait(false);
        List<Container> wanted = [];
        foreach (Container container in table.All())
        {
            if (!await RestoreAsync(container, cancellationToken).ConfigureAwait(false) && WantsStart(container.Record))
            {
                wanted.Add(container);
            }
        }

        foreach (Container container in wanted)
        {
            try
            {
                await supervisor.StartAsync(container, cancellationToken).ConfigureAwait(false);
            }
            catch (FaultException)
            {
                // The reason is in its record; the others must start all the same.
            }
        }
    }

    /// <summary>Removes files, snapshots and network sandboxes of containers that have no record.</summary>
    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        IEnumerable<string> directories = Directory.EnumerateDirectories(options.ContainersDirectory).Select(path => Path.GetFileName(path));
        foreach (string id in directories.Concat(images.Snapshots.ListKeys()).Where(IsUnknown).Distinct().ToArray())
        {
            // A running one whose removal was cut off still has its monitor.
            ContainerRecord leftover = new() { Id = id, Name = "", Spec = new ContainerSpec() };
            await launcher.CleanUpAsync(leftover).ConfigureAwait(false);
            await factory.RemoveFilesAsync(id).ConfigureAwait(false);
        }

        foreach (SandboxRecord sandbox in networks.ListSandboxes().Where(sandbox => IsUnknown(sandbox.Id) && sandboxes.Find(sandbox.Id) is null))
        {
            await networks.RemoveSandboxAsync(sandbox.Id, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool IsUnknown(string id) => id.Length == IdLength && id.All(char.IsAsciiHexDigit) && table.FindById(id) is null;

    /// <summary>True when the container runs, or its end was just recorded (the restart policy was then applied).</summary>
    private async Task<bool> RestoreAsync(Container container, CancellationToken cancellationToken)
    {
        ContainerRecord record = container.Record;
        if (!record.IsRunning)
        {
            // A start that was cut off before it was acknowledged, or a policy's restart that waited.
            await launcher.CleanUpAsync(record).ConfigureAwait(false);
            if (record.Status is ContainerStatus.Restarting or ContainerStatus.Removing)
            {
                await table.SaveAsync(container, record with { Status = ContainerStatus.Exited }).ConfigureAwait(false);
            }

            if (record.Spec.AutoRemove && record.Status == ContainerStatus.Exited)
            {
                await supervisor.RemoveAsync(container, force: true, removeVolumes: true, cancellationToken).ConfigureAwait(false);
            }

            return false;
        }

        try
        {
            MonitorClient monitor = await launcher.ConnectAsync(record, cancellationToken).ConfigureAwait(false);
            supervisor.Adopt(container, monitor);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.Unavailable)
        {
            ExitRecord exit = launcher.ReadExit(record)
                ?? new ExitRecord(255, 0, false, DateTimeOffset.UtcNow, "the container's monitor was lost");
            await supervisor.RecordLostExitAsync(container, exit).ConfigureAwait(false);
        }

        return true;
    }

    private static bool WantsStart(ContainerRecord record) => record.StartedAt is not null && record.Spec.RestartPolicy.Name switch
    {
        "always" => true,
        "unless-stopped" => !record.StoppedByUser,
        _ => false,
    };
}
