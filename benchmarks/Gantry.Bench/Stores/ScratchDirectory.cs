using Gantry.Bench.Instances;

namespace Gantry.Bench.Stores;

/// <summary>A directory on the disk where the repository is: /tmp may be in memory, where a sync costs nothing.</summary>
internal sealed class ScratchDirectory : IDisposable
{
    public ScratchDirectory()
    {
        Path = System.IO.Path.Combine(Repository.Root, "artifacts", $"bench-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
