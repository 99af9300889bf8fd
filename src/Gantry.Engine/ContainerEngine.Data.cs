using Gantry.Engine.Containers;
using Gantry.Faults;

namespace Gantry.Engine;

/// <content>Volumes and files.</content>
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
}
