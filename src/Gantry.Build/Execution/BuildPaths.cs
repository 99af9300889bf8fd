namespace Gantry.Build.Execution;

/// <summary>Where one build keeps its files, and how its snapshots' keys begin.</summary>
internal sealed record BuildPaths(string Root, string Id, string SnapshotPrefix)
{
    /// <summary>Gone when the build ends.</summary>
    public string Work => Path.Combine(Root, "work", Id);

    /// <summary>Caches of <c>RUN --mount=type=cache</c>, shared by all builds.</summary>
    public string RunCache => Path.Combine(Root, "run-cache");
}
