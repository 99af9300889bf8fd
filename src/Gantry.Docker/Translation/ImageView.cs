using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Images;
using Gantry.Oci;

namespace Gantry.Docker.Translation;

/// <summary>Shows images as Docker does.</summary>
internal static class ImageView
{
    internal static ImageSummaryJson Summarize(Image image) => new()
    {
        Id = image.Id.ToString(),
        ParentId = image.Parent?.ToString() ?? "",
        RepoTags = [.. image.RepoTags],
        RepoDigests = [.. image.RepoDigests],
        Created = image.Config.Created?.ToUnixTimeSeconds() ?? 0,
        Size = image.SizeBytes,
        Labels = image.RunConfig.Labels,
    };

    internal static ImageInspectJson Inspect(Image image) => new()
    {
        Id = image.Id.ToString(),
        RepoTags = [.. image.RepoTags],
        RepoDigests = [.. image.RepoDigests],
        Parent = image.Parent?.ToString() ?? "",
        Comment = image.Config.Comment ?? "",
        Created = image.Config.Created is { } created ? TimestampText.Format(created) : null,
        DockerVersion = image.Config.DockerVersion ?? "",
        Author = image.Config.Author ?? "",
        Config = Config(image.RunConfig),
        Architecture = image.Config.Architecture,
        Variant = image.Config.Variant,
        Os = image.Config.Os,
        Size = image.SizeBytes,
        RootFS = new RootFsJson("layers", [.. image.Config.RootFs.DiffIds.Select(id => id.ToString())]),
        Metadata = new ImageMetadataJson(TimestampText.Format(image.LastTagged)),
    };

    internal static ContainerConfig Merge(ContainerConfig before, ContainerConfigJson asked) => before with
    {
        User = asked.User is { Length: > 0 } ? asked.User : before.User,
        ExposedPorts = asked.ExposedPorts?.Keys.ToDictionary(port => port, _ => EmptyObject.Instance) ?? before.ExposedPorts,
        Env = asked.Env ?? before.Env,
        Cmd = asked.Cmd ?? before.Cmd,
        Entrypoint = asked.Entrypoint ?? before.Entrypoint,
        Volumes = asked.Volumes?.Keys.ToDictionary(volume => volume, _ => EmptyObject.Instance) ?? before.Volumes,
        WorkingDir = asked.WorkingDir is { Length: > 0 } ? asked.WorkingDir : before.WorkingDir,
        Labels = asked.Labels ?? before.Labels,
        StopSignal = asked.StopSignal ?? before.StopSignal,
    };

    private static ContainerConfigJson Config(ContainerConfig config) => new()
    {
        Hostname = "",
        Domainname = "",
        User = config.User ?? "",
        ExposedPorts = config.ExposedPorts?.Keys.ToDictionary(port => port, _ => new EmptyJson()),
        Env = config.Env is null ? null : [.. config.Env],
        Cmd = config.Cmd is null ? null : [.. config.Cmd],
        Healthcheck = config.Healthcheck is not { } check ? null : new HealthcheckJson
        {
            Test = check.Test is null ? null : [.. check.Test],
            Interval = check.Interval,
            Timeout = check.Timeout,
            StartPeriod = check.StartPeriod,
            StartInterval = check.StartInterval,
            Retries = check.Retries,
        },
        Volumes = config.Volumes?.Keys.ToDictionary(volume => volume, _ => new EmptyJson()),
        WorkingDir = config.WorkingDir ?? "",
        Entrypoint = config.Entrypoint is null ? null : [.. config.Entrypoint],
        OnBuild = config.OnBuild is null ? null : [.. config.OnBuild],
        Labels = config.Labels,
        StopSignal = config.StopSignal,
        Shell = config.Shell is null ? null : [.. config.Shell],
    };
}
