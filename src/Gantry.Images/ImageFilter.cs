namespace Gantry.Images;

/// <summary>Which images to list; every condition that is set must hold.</summary>
public sealed record ImageFilter
{
    /// <summary>Also the untagged images between an image and its base.</summary>
    public bool All { get; init; }

    /// <summary>Patterns for names, <c>busybox*</c> or <c>busybox:1.*</c>; one must match. The images then carry matching names only.</summary>
    public IReadOnlyList<string> References { get; init; } = [];

    /// <summary>True: only images without a name; false: only those with one.</summary>
    public bool? Dangling { get; init; }

    /// <summary><c>name</c> or <c>name=value</c>; all must be there.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Made before this image.</summary>
    public string? Before { get; init; }

    /// <summary>Made after this image.</summary>
    public string? Since { get; init; }

    /// <summary>Made before this moment.</summary>
    public DateTimeOffset? Until { get; init; }
}
