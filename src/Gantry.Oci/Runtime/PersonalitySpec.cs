namespace Gantry.Oci.Runtime;

/// <summary>The execution domain (personality(2)).</summary>
public sealed class PersonalitySpec
{
    /// <summary>LINUX or LINUX32.</summary>
    public string Domain { get; set; } = "";

    /// <summary>Further flags; the specification names none.</summary>
    public List<string>? Flags { get; set; }
}
