namespace Gantry.Kube.Model;

/// <summary>The identity of an API type: <c>Group</c> is empty for the core group; <c>Plural</c> is the path segment.</summary>
public sealed record ResourceInfo(string Group, string Version, string Kind, string Plural, bool Namespaced)
{
    /// <summary>The apiVersion field: <c>v1</c> or <c>apps/v1</c>.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";
}
