using Gantry.Engine.Archives;
using Gantry.Engine.Containers;
using Gantry.Engine.Stats;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Oci;

namespace Gantry.Engine;

/// <content>What containers hold and use: volumes, files, processes, usage.</content>
public sealed partial class ContainerEngine
{
    /// <summary>The containers that use a volume.</summary>
    public IReadOnlyList<string> UsersOfVolume(string name) =>
        [.. _table.All().Where(container => container.Record.MountPoints.Exists(point => point.Kind == ContainerMountKind.Volume && point.Name == name)).Select(container => container.Id)];

    /// <summary>Removes a volume and its files: <c>Conflict</c> while a container uses it, <c>NotFound</c> when there is none (unless forced).</summary>
    public async Task RemoveVolumeAsync(string name, bool force, CancellationToken cancellationToken)
    {
        if (Volumes.List().All(volume => volume.Name != name))
        {
            if (force)
            {
                return;
            }

            Volumes.Get(name);
        }

        if (UsersOfVolume(name) is { Count: > 0 } users)
        {
            throw new FaultException(FaultKind.Conflict, $"remove {name}: volume is in use - [{string.Join(", ", users)}]");
        }

        await Volumes.RemoveAsync(name, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A container's usage now.</summary>
    public UsageSample SampleUsage(string reference) => _usage.Sample(_table.Get(reference).Record);

    /// <summary>A running container's processes.</summary>
    public ProcessTable ListProcesses(string reference)
    {
        ContainerRecord record = _table.Get(reference).Record;
        return record.IsRunning ? _usage.Processes(record) : throw NotRunning(record);
    }

    /// <summary>A file's metadata; a last symbolic link is not followed. <c>NotFound</c> when there is none.</summary>
    public Task<PathStatus> StatPathAsync(string reference, string path, CancellationToken cancellationToken) =>
        InTurnAsync(reference, record => _files.Stat(record, path), cancellationToken);

    /// <summary>Writes a file or directory as a tar archive, in which it has its own name.</summary>
    public Task ReadArchiveAsync(string reference, string path, Stream output, CancellationToken cancellationToken) => InTurnAsync(
        reference,
        record =>
        {
            _files.Read(record, path, output, cancellationToken);
            return 0;
        },
        cancellationToken);

    /// <summary>Extracts a tar archive (compressed or not) into an existing directory.</summary>
    public Task WriteArchiveAsync(string reference, string path, Stream archive, bool keepKinds, CancellationToken cancellationToken) => InTurnAsync(
        reference,
        record =>
        {
            _files.Write(record, path, archive, keepKinds, cancellationToken);
            return 0;
        },
        cancellationToken);

    /// <summary>Writes the whole root file system as a tar archive.</summary>
    public Task ExportAsync(string reference, Stream output, CancellationToken cancellationToken) => InTurnAsync(
        reference,
        record =>
        {
            _files.Export(record, output, cancellationToken);
            return 0;
        },
        cancellationToken);

    /// <summary>How a container's files differ from its image's.</summary>
    public Task<List<FileChange>> ListChangesAsync(string reference, CancellationToken cancellationToken) =>
        Task.Run(() => _files.Changes(_table.Get(reference).Record), cancellationToken);

    /// <summary>Makes an image of a container. With <paramref name="pause"/> a running one is frozen meanwhile.</summary>
    public async Task<Image> CommitAsync(
        string reference, ImageReference? name, string author, string comment, bool pause, Func<ContainerConfig, ContainerConfig> configure, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        ContainerRecord record = container.Record;
        Image? parent = record.ImageId.Length > 0 ? await Images.FindAsync(record.ImageId, cancellationToken).ConfigureAwait(false) : null;
        bool frozen = pause && record.Status == ContainerStatus.Running;
        if (frozen)
        {
            ContainerCgroup.Open(_options, record).SetFrozen(true);
        }

        try
        {
            DateTimeOffset now = DateTimeOffset.UtcNow;
            Image image = await Images.CommitAsync(
                record.Id,
                parent,
                config => config with
                {
                    Created = now,
                    Author = author.Length > 0 ? author : config.Author,
                    Comment = comment,
                    Container = record.Id,
                    Config = configure(Merge(config.Config ?? new ContainerConfig(), record.Spec)),
                },
                new HistoryEntry { Created = now, CreatedBy = string.Join(' ', record.Arguments), Author = author.Length > 0 ? author : null, Comment = comment.Length > 0 ? comment : null },
                name is null ? [] : [name],
                cancellationToken).ConfigureAwait(false);
            _supervisor.Publish(container, "commit");
            return image;
        }
        finally
        {
            if (frozen)
            {
                ContainerCgroup.Open(_options, record).SetFrozen(false);
            }
        }
    }

    private static ContainerConfig Merge(ContainerConfig image, ContainerSpec spec) => image with
    {
        User = spec.User.Length > 0 ? spec.User : image.User,
        Env = spec.Environment,
        Cmd = spec.Command,
        Entrypoint = spec.Entrypoint,
        WorkingDir = spec.WorkingDirectory.Length > 0 ? spec.WorkingDirectory : image.WorkingDir,
        Labels = spec.Labels,
        StopSignal = spec.StopSignal.Length > 0 ? spec.StopSignal : image.StopSignal,
        ExposedPorts = spec.ExposedPorts.Count > 0 ? spec.ExposedPorts.ToDictionary(port => port, _ => EmptyObject.Instance) : null,
    };

    /// <summary>A stopped container's root may have to be mounted: nobody may start or remove it meanwhile. A running one needs no turn.</summary>
    private async Task<T> InTurnAsync<T>(string reference, Func<ContainerRecord, T> use, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        if (container.Record.IsRunning)
        {
            return await Task.Run(() => use(container.Record), cancellationToken).ConfigureAwait(false);
        }

        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => use(container.Record), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            container.Turn.Release();
        }
    }
}
