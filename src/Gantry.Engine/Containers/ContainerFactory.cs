using System.Security.Cryptography;
using Gantry.Engine.Specs;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Oci;

namespace Gantry.Engine.Containers;

/// <summary>Creates containers: checks, merges with the image, makes volumes and the writable root, and records it.</summary>
internal sealed class ContainerFactory(EngineOptions options, ImageService images, ContainerTable table, MountResolver mounts)
{
    /// <summary>Creates a container; when anything fails nothing stays (but for named volumes, which may be used by others by now).</summary>
    internal async Task<Container> CreateAsync(ContainerSpec asked, CancellationToken cancellationToken)
    {
        Validate(asked);
        Image? image = asked.RootDirectory is null ? await images.ResolveAsync(asked.Image, cancellationToken).ConfigureAwait(false) : null;
        (ContainerSpec spec, List<string> arguments) = SpecMerge.Apply(asked, image?.RunConfig ?? new ContainerConfig());
        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        string name = asked.Name.TrimStart('/');
        name = name.Length > 0 ? name : NameMaker.Next(table.IsNameFree);
        table.ReserveName(name, id);
        try
        {
            List<MountPoint> points = await mounts.ResolveAsync(spec, Inherited(spec), cancellationToken).ConfigureAwait(false);
            Directory.CreateDirectory(Path.Combine(options.ContainersDirectory, id));
            if (image is not null)
            {
                await images.EnsureUnpackedAsync(image, cancellationToken).ConfigureAwait(false);
                await images.Snapshots.PrepareAsync(id, image.ChainId, cancellationToken).ConfigureAwait(false);
            }

            Container container = new(new ContainerRecord
            {
                Id = id,
                Name = name,
                CreatedAt = DateTimeOffset.UtcNow,
                Spec = spec with { Name = name },
                ImageId = image?.Id.ToString() ?? "",
                Arguments = arguments,
                MountPoints = points,
                Status = ContainerStatus.Created,
            });
            await table.AddAsync(container, cancellationToken).ConfigureAwait(false);
            return container;
        }
        catch
        {
            table.ReleaseName(name, id);
            await RemoveFilesAsync(id).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Removes a container's files and its writable root; what is absent is ignored.</summary>
    internal async Task RemoveFilesAsync(string id)
    {
        await images.Snapshots.RemoveAsync(id, CancellationToken.None).ConfigureAwait(false);
        string directory = Path.Combine(options.ContainersDirectory, id);
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private IEnumerable<MountPoint> Inherited(ContainerSpec spec) => spec.VolumesFrom.SelectMany(from =>
    {
        string[] parts = from.Split(':', 2);
        bool readOnly = parts.Length == 2 && parts[1] == "ro";
        return table.Get(parts[0]).Record.MountPoints.Select(point => readOnly ? point with { Writable = false } : point);
    });

    private void Validate(ContainerSpec spec)
    {
        ResourceTranslation.Validate(spec.Resources);
        CapabilitySet.Resolve(spec.Security.CapAdd, spec.Security.CapDrop, spec.Security.Privileged);
        if (spec.AutoRemove && spec.RestartPolicy.Name is not ("no" or ""))
        {
            throw Invalid("can't create 'AutoRemove' container with restart policy");
        }

        if (spec.RestartPolicy.Name is not ("no" or "" or "always" or "unless-stopped" or "on-failure"))
        {
            throw Invalid($"invalid restart policy: unknown policy '{spec.RestartPolicy.Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'");
        }

        if (spec.LogDriver is not ("json-file" or "local" or "none" or ""))
        {
            throw Invalid($"logger: no log driver named '{spec.LogDriver}' is registered");
        }

        if (spec.Runtime is not ("" or "gantry" or "runc" or "io.containerd.runc.v2") && !options.OciRuntimes.ContainsKey(spec.Runtime))
        {
            throw Invalid($"unknown or invalid runtime name: {spec.Runtime}");
        }

        if (spec.Init)
        {
            throw new FaultException(FaultKind.NotImplemented, "--init is not supported: let the image's entry point reap its children, or run an init of the image");
        }

        if (spec.WorkingDirectory.Length > 0 && !spec.WorkingDirectory.StartsWith('/'))
        {
            throw Invalid($"the working directory '{spec.WorkingDirectory}' is invalid, it needs to be an absolute path");
        }

        if (spec.HostName.Length > 0 && spec.NetworkMode == "host" && spec.UtsMode == "host")
        {
            throw Invalid("conflicting options: hostname and the UTS mode");
        }
    }

    private static FaultException Invalid(string message) => new(FaultKind.InvalidArgument, message);
}
