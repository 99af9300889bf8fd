namespace Gantry.Engine.Volumes;

/// <summary>A named volume as it is stored and shown. Immutable.</summary>
public sealed record VolumeRecord
{
    /// <summary>Its name; 64 hexadecimal digits when nobody named it.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The user's labels.</summary>
    public Dictionary<string, string> Labels { get; init; } = [];

    /// <summary>Driver options.</summary>
    public Dictionary<string, string> Options { get; init; } = [];

    /// <summary>Made for one container without a name.</summary>
    public bool Anonymous { get; init; }
}
