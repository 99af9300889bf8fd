namespace Gantry.Kube.Api.Requests;

/// <summary>How a write is to be done.</summary>
internal sealed class WriteOptions
{
    public required UserInfo User { get; init; }

    public bool DryRun { get; init; }

    /// <summary>The name under which changed fields are owned; empty: not tracked.</summary>
    public string FieldManager { get; init; } = "";

    /// <summary>Ignore, Warn or Strict.</summary>
    public string FieldValidation { get; init; } = "Warn";

    /// <summary>Whether an apply takes over fields of other managers.</summary>
    public bool Force { get; init; }

    /// <summary>Whether a created object keeps the uid and the creation time that it comes with: one that existed before.</summary>
    public bool KeepsIdentity { get; init; }

    /// <summary>Texts for the Warning headers.</summary>
    public List<string> Warnings { get; } = [];
}
