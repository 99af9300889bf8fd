namespace Gantry.Engine.Archives;

/// <summary>How a file differs from the image's; the numbers are Docker's.</summary>
public enum FileChangeKind
{
    /// <summary>It is in both and was written.</summary>
    Modified = 0,

    /// <summary>It is in the container only.</summary>
    Added = 1,

    /// <summary>It is in the image only.</summary>
    Deleted = 2,
}

/// <summary>One difference between a container and its image.</summary>
public sealed record FileChange(string Path, FileChangeKind Kind);

/// <summary>A file of a container. <c>GoMode</c> has the bits of Go's os.FileMode, which Docker's protocol uses.</summary>
public sealed record PathStatus(string Name, long SizeBytes, uint GoMode, DateTimeOffset Modified, string LinkTarget);
