using System.Globalization;
using System.Runtime.InteropServices;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Translation;
using Gantry.Engine.Containers;
using Gantry.Images;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Routes;

/// <summary>Ping, version, info, disk usage, login.</summary>
internal static class SystemRoutes
{
    internal static async Task PingAsync(DockerRequest request)
    {
        HttpResponse response = request.Context.Response;
        // 1: the classic builder. 2 would send the CLI to BuildKit.
        response.Headers["Builder-Version"] = "1";
        response.Headers["Swarm"] = "inactive";
        response.Headers.CacheControl = "no-cache, no-store, must-revalidate";
        response.Headers.Pragma = "no-cache";
        response.ContentType = "text/plain; charset=utf-8";
        response.ContentLength = 2;
        if (request.Context.Request.Method != "HEAD")
        {
            await response.WriteAsync("OK", request.Aborted).ConfigureAwait(false);
        }
    }

    internal static Task VersionAsync(DockerRequest request)
    {
        string version = request.Services.Options.Version;
        Dictionary<string, string> details = new()
        {
            ["ApiVersion"] = ApiVersion.Newest.ToString(),
            ["Arch"] = DockerHandler.Architecture,
            ["KernelVersion"] = Kernel(),
            ["MinAPIVersion"] = ApiVersion.Oldest.ToString(),
            ["Os"] = "linux",
        };
        return request.WriteAsync(
            new VersionJson
            {
                Platform = new VersionPlatformJson("Gantry"),
                Components = [new VersionComponentJson("Engine", version, details)],
                Version = version,
                ApiVersion = ApiVersion.Newest.ToString(),
                MinAPIVersion = ApiVersion.Oldest.ToString(),
                Arch = DockerHandler.Architecture,
                KernelVersion = Kernel(),
            },
            DockerJson.Default.VersionJson);
    }

    internal static async Task InfoAsync(DockerRequest request)
    {
        IReadOnlyList<ContainerRecord> containers = request.Engine.List();
        IReadOnlyList<Image> images = await request.Images.ListAsync(new ImageFilter(), request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(
            new InfoJson
            {
                ID = request.Services.Options.InstanceId,
                Containers = containers.Count,
                ContainersRunning = containers.Count(container => container.Status == ContainerStatus.Running),
                ContainersPaused = containers.Count(container => container.Status == ContainerStatus.Paused),
                ContainersStopped = containers.Count(container => !container.IsRunning),
                Images = images.Count,
                DockerRootDir = request.Engine.Options.RootDirectory,
                SystemTime = TimestampText.Format(DateTimeOffset.UtcNow),
                CgroupVersion = File.Exists("/sys/fs/cgroup/cgroup.controllers") ? "2" : "1",
                KernelVersion = Kernel(),
                OperatingSystem = OperatingSystemName(),
                Architecture = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "aarch64" : "x86_64",
                NCPU = Environment.ProcessorCount,
                MemTotal = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
                RegistryConfig = new RegistryConfigJson(["127.0.0.0/8"], new() { ["docker.io"] = new IndexJson("docker.io", [], true, true) }, []),
                Name = Environment.MachineName,
                ServerVersion = request.Services.Options.Version,
                Runtimes = request.Engine.Options.OciRuntimes.Append(new("gantry", request.Engine.Options.RuntimePath)).ToDictionary(runtime => runtime.Key, runtime => new RuntimeJson { Path = runtime.Value }),
            },
            DockerJson.Default.InfoJson).ConfigureAwait(false);
    }

    internal static async Task DiskUsageAsync(DockerRequest request)
    {
        ContainerView view = new(request.Engine);
        IReadOnlyList<Image> images = await request.Images.ListAsync(new ImageFilter { All = true }, request.Aborted).ConfigureAwait(false);
        List<ContainerSummaryJson> containers = [];
        foreach (ContainerRecord container in request.Engine.List())
        {
            long size = container.ImageId.Length > 0 ? (await request.Images.Snapshots.GetUsageAsync(container.Id, request.Aborted).ConfigureAwait(false)).SizeBytes : 0;
            containers.Add(view.Summarize(container) with { SizeRw = size });
        }

        await request.WriteAsync(
            new DiskUsageJson
            {
                LayersSize = images.Sum(image => image.SizeBytes),
                Images = [.. images.Select(image => ImageView.Summarize(image) with { SharedSize = 0, Containers = request.Engine.List().Count(container => container.ImageId == image.Id.ToString()) })],
                Containers = containers,
                Volumes = [.. request.Engine.Volumes.List().Select(volume => VolumeRoutes.Show(request.Engine, volume, withUsage: true))],
            },
            DockerJson.Default.DiskUsageJson).ConfigureAwait(false);
    }

    internal static async Task AuthAsync(DockerRequest request)
    {
        AuthJson body = await request.ReadAsync(DockerJson.Default.AuthJson).ConfigureAwait(false);
        await RegistryLogin.CheckAsync(body, request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(new AuthResultJson("Login Succeeded", ""), DockerJson.Default.AuthResultJson).ConfigureAwait(false);
    }

    private static string Kernel() => File.ReadAllText("/proc/sys/kernel/osrelease").Trim();

    private static string OperatingSystemName()
    {
        string? line = File.Exists("/etc/os-release") ? File.ReadLines("/etc/os-release").FirstOrDefault(line => line.StartsWith("PRETTY_NAME=", StringComparison.Ordinal)) : null;
        return line is null ? "Linux" : line["PRETTY_NAME=".Length..].Trim('"');
    }
}
