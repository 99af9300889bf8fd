namespace Gantry.Docker.Model;

/// <summary>One entry of GET /images/json.</summary>
internal sealed record ImageSummaryJson
{
    public required string Id { get; init; }
    public required string ParentId { get; init; }
    public required List<string> RepoTags { get; init; }
    public required List<string> RepoDigests { get; init; }
    public long Created { get; init; }
    public long Size { get; init; }
    public long SharedSize { get; init; } = -1;
    public Dictionary<string, string>? Labels { get; init; }
    public int Containers { get; init; } = -1;
}

/// <summary>GET /images/{name}/json.</summary>
internal sealed record ImageInspectJson
{
    public required string Id { get; init; }
    public required List<string> RepoTags { get; init; }
    public required List<string> RepoDigests { get; init; }
    public string Parent { get; init; } = "";
    public string Comment { get; init; } = "";
    public string? Created { get; init; }
    public string DockerVersion { get; init; } = "";
    public string Author { get; init; } = "";
    public required ContainerConfigJson Config { get; init; }
    public required string Architecture { get; init; }
    public string? Variant { get; init; }
    public required string Os { get; init; }
    public long Size { get; init; }
    public GraphDriverJson GraphDriver { get; init; } = new("overlay2", []);
    public required RootFsJson RootFS { get; init; }
    public required ImageMetadataJson Metadata { get; init; }
}

internal sealed record RootFsJson(string Type, List<string> Layers);

internal sealed record ImageMetadataJson(string LastTagTime);

internal sealed record ImageHistoryJson(string Id, long Created, string CreatedBy, List<string>? Tags, long Size, string Comment);

internal sealed record ImageDeleteJson(string? Untagged, string? Deleted);

internal sealed record ImagePruneJson(List<ImageDeleteJson>? ImagesDeleted, long SpaceReclaimed);

internal sealed record ContainerPruneJson(List<string>? ContainersDeleted, long SpaceReclaimed);

internal sealed record VolumePruneJson(List<string>? VolumesDeleted, long SpaceReclaimed);

internal sealed record NetworkPruneJson(List<string>? NetworksDeleted);

internal sealed record BuildPruneJson(List<string>? CachesDeleted, long SpaceReclaimed);

internal sealed record DiskUsageJson
{
    public long LayersSize { get; init; }
    public required List<ImageSummaryJson> Images { get; init; }
    public required List<ContainerSummaryJson> Containers { get; init; }
    public required List<VolumeJson> Volumes { get; init; }
    public List<EmptyJson> BuildCache { get; init; } = [];
}
