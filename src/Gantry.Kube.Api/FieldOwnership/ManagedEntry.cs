using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>One entry of metadata.managedFields.</summary>
internal sealed class ManagedEntry(string manager, string operation, string apiVersion, string subresource, string? time, FieldSet fields)
{
    public const string Apply = "Apply";
    public const string Update = "Update";

    public string Manager { get; } = manager;

    public string Operation { get; } = operation;

    public string ApiVersion { get; } = apiVersion;

    public string Subresource { get; } = subresource;

    public string? Time { get; set; } = time;

    public FieldSet Fields { get; set; } = fields;

    public bool Is(string manager, string operation, string subresource) => Manager == manager && Operation == operation && Subresource == subresource;

    /// <summary>As conflicts name a manager.</summary>
    public override string ToString()
    {
        var text = JsonTree.Quote(Manager);
        if (Subresource.Length > 0)
        {
            text += $" with subresource {JsonTree.Quote(Subresource)}";
        }

        return Operation == Update ? $"{text} using {ApiVersion}" + (Time is null ? "" : $" at {Time}") : text;
    }
}
