namespace Gantry.Docker;

/// <summary>How the instance presents itself to Docker clients.</summary>
public sealed record DockerOptions
{
    /// <summary>The instance's lasting id, shown by docker info.</summary>
    public required string InstanceId { get; init; }

    /// <summary>Gantry's version.</summary>
    public string Version { get; init; } = "0.1.0";
}
