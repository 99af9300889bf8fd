namespace Gantry.Kube.Api.Requests;

/// <summary>Who calls: what authentication found. Groups include system:authenticated or system:unauthenticated.</summary>
public sealed record UserInfo(string Name, IReadOnlyList<string> Groups, string Uid = "", IReadOnlyDictionary<string, IReadOnlyList<string>>? Extra = null)
{
    /// <summary>The group that may do everything.</summary>
    public const string Masters = "system:masters";

    /// <summary>Nobody in particular.</summary>
    public static readonly UserInfo Anonymous = new("system:anonymous", ["system:unauthenticated"]);

    /// <summary>A component of the cluster itself, which may do everything.</summary>
    public static UserInfo System(string name) => new(name, [Masters, "system:authenticated"]);
}
