using System.Text.Json.Serialization;

namespace Gantry.Oci;

/// <summary>An image's configuration (OCI image specification, config.md), with docker's additions.</summary>
public sealed record ImageConfig
{
    /// <summary>When the image was made.</summary>
    [JsonPropertyName("created")]
    public DateTimeOffset? Created { get; set; }

    /// <summary>Who made it.</summary>
    [JsonPropertyName("author")]
    public string? Author { get; set; }

    /// <summary>The processor, for example <c>amd64</c>.</summary>
    [JsonPropertyName("architecture")]
    public string Architecture { get; set; } = "";

    /// <summary>The processor's variant.</summary>
    [JsonPropertyName("variant")]
    public string? Variant { get; set; }

    /// <summary>The operating system, for example <c>linux</c>.</summary>
    [JsonPropertyName("os")]
    public string Os { get; set; } = "";

    /// <summary>The operating system's version.</summary>
    [JsonPropertyName("os.version")]
    public string? OsVersion { get; set; }

    /// <summary>How containers of the image run.</summary>
    [JsonPropertyName("config")]
    public ContainerConfig? Config { get; set; }

    /// <summary>The uncompressed layers.</summary>
    [JsonPropertyName("rootfs")]
    public RootFs RootFs { get; set; } = new();

    /// <summary>How each layer came to be.</summary>
    [JsonPropertyName("history")]
    public IReadOnlyList<HistoryEntry>? History { get; set; }

    /// <summary>Docker: the program that made the image.</summary>
    [JsonPropertyName("docker_version")]
    public string? DockerVersion { get; set; }

    /// <summary>Docker: the comment given to commit or import.</summary>
    [JsonPropertyName("comment")]
    public string? Comment { get; set; }

    /// <summary>Docker: the container that was committed.</summary>
    [JsonPropertyName("container")]
    public string? Container { get; set; }
}

/// <summary>The layers' digests before compression, the base first.</summary>
public sealed record RootFs
{
    /// <summary>Always <c>layers</c>.</summary>
    [JsonPropertyName("type")]
    public string Type { get; set; } = "layers";

    /// <summary>The DiffIDs.</summary>
    [JsonPropertyName("diff_ids")]
    public IReadOnlyList<Digest> DiffIds { get; set; } = [];
}

/// <summary>One step of an image's history.</summary>
public sealed record HistoryEntry
{
    /// <summary>When the step ran.</summary>
    [JsonPropertyName("created")]
    public DateTimeOffset? Created { get; set; }

    /// <summary>The command.</summary>
    [JsonPropertyName("created_by")]
    public string? CreatedBy { get; set; }

    /// <summary>Who ran it.</summary>
    [JsonPropertyName("author")]
    public string? Author { get; set; }

    /// <summary>A remark.</summary>
    [JsonPropertyName("comment")]
    public string? Comment { get; set; }

    /// <summary>True when the step made no layer.</summary>
    [JsonPropertyName("empty_layer")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool EmptyLayer { get; set; }
}
