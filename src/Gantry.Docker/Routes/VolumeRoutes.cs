using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Engine;
using Gantry.Engine.Volumes;
using Gantry.Faults;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Routes;

/// <summary>Volumes.</summary>
internal static class VolumeRoutes
{
    internal static Task ListAsync(DockerRequest request)
    {
        Filters filters = request.Filters().Only("dangling", "driver", "label", "label!", "name");
        List<VolumeJson> volumes = [.. request.Engine.Volumes.List()
            .Where(volume => filters.MatchLabels(volume.Labels))
            .Where(volume => filters.Match("name", name => volume.Name.Contains(name, StringComparison.Ordinal)))
            .Where(_ => filters.Match("driver", driver => driver == "local"))
            .Where(volume => filters.Match("dangling", text => text is "true" or "1" == (request.Engine.UsersOfVolume(volume.Name).Count == 0)))
            .Select(volume => Show(request.Engine, volume))];
        return request.WriteAsync(new VolumeListJson(volumes, []), DockerJson.Default.VolumeListJson);
    }

    internal static async Task CreateAsync(DockerRequest request)
    {
        VolumeCreateJson body = await request.ReadAsync(DockerJson.Default.VolumeCreateJson).ConfigureAwait(false);
        VolumeRecord volume = await request.Engine.Volumes.CreateAsync(
            body.Name ?? "", body.Driver ?? "local", body.Labels ?? [], body.DriverOpts ?? [], request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(Show(request.Engine, volume), DockerJson.Default.VolumeJson, StatusCodes.Status201Created).ConfigureAwait(false);
    }

    internal static Task InspectAsync(DockerRequest request) =>
        request.WriteAsync(Show(request.Engine, request.Engine.Volumes.Get(request["name"])), DockerJson.Default.VolumeJson);

    internal static async Task RemoveAsync(DockerRequest request)
    {
        await request.Engine.RemoveVolumeAsync(request["name"], request.Flag("force"), request.Aborted).ConfigureAwait(false);
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task PruneAsync(DockerRequest request)
    {
        Filters filters = request.Filters().Only("label", "label!", "all");
        // Since API 1.42 only anonymous volumes go, unless all are asked for.
        bool all = !request.Version.AtLeast(42) || filters["all"] is ["true" or "1"];
        List<string> deleted = [];
        long freed = 0;
        foreach (VolumeRecord volume in request.Engine.Volumes.List())
        {
            if ((all || volume.Anonymous) && filters.MatchLabels(volume.Labels) && request.Engine.UsersOfVolume(volume.Name).Count == 0)
            {
                freed += Size(request.Engine, volume);
                await request.Engine.RemoveVolumeAsync(volume.Name, force: true, request.Aborted).ConfigureAwait(false);
                deleted.Add(volume.Name);
            }
        }

        await request.WriteAsync(new VolumePruneJson(deleted, freed), DockerJson.Default.VolumePruneJson).ConfigureAwait(false);
    }

    internal static long Size(ContainerEngine engine, VolumeRecord volume)
    {
        try
        {
            return new DirectoryInfo(engine.Volumes.DataPath(volume.Name)).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }).Sum(file => file.Length);
        }
        catch (IOException)
        {
            // Files that a container removes meanwhile.
            return 0;
        }
    }

    internal static VolumeJson Show(ContainerEngine engine, VolumeRecord volume, bool withUsage = false) => new()
    {
        CreatedAt = volume.CreatedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture),
        Labels = volume.Labels.Count > 0 ? volume.Labels : volume.Anonymous ? new() { ["com.docker.volume.anonymous"] = "" } : null,
        Mountpoint = engine.Volumes.DataPath(volume.Name),
        Name = volume.Name,
        Options = volume.Options.Count > 0 ? volume.Options : null,
        UsageData = withUsage ? new VolumeUsageJson(Size(engine, volume), engine.UsersOfVolume(volume.Name).Count) : null,
    };
}
