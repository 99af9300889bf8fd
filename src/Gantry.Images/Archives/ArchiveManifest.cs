namespace Gantry.Images.Archives;

// An entry of docker's manifest.json.
internal sealed record ArchiveManifest
{
    public string Config { get; set; } = "";

    public IReadOnlyList<string>? RepoTags { get; set; }

    public IReadOnlyList<string> Layers { get; set; } = [];
}
