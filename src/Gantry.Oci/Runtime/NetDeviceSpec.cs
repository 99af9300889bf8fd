namespace Gantry.Oci.Runtime;

/// <summary>A network device that moves into the container's network namespace.</summary>
public sealed class NetDeviceSpec
{
    /// <summary>Its name there; null keeps the name.</summary>
    public string? Name { get; set; }
}
