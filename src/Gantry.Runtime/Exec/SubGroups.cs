using Gantry.Faults;

namespace Gantry.Runtime.Exec;

/// <summary>
/// exec --cgroup: existing groups below the container's in which the process runs; on v1 by controller, on v2 one path under
/// the name "".
/// </summary>
internal static class SubGroups
{
    /// <summary>Reads "[controller[,controller...]:]path".</summary>
    public static Dictionary<string, string>? Parse(IReadOnlyList<string> arguments)
    {
        if (arguments.Count == 0)
        {
            return null;
        }
        var result = new Dictionary<string, string>();
        foreach (var argument in arguments)
        {
            var colon = argument.IndexOf(':');
            if (colon < 0 && arguments.Count > 1)
            {
                throw Invalid(argument, "several need a controller: each, as cpu:/sub");
            }
            var path = argument[(colon + 1)..];
            if (path.Split('/').Contains(".."))
            {
                throw Invalid(argument, "must not contain ..");
            }
            foreach (var controller in colon < 0 ? [""] : argument[..colon].Split(','))
            {
                if (colon >= 0 && controller.Length == 0)
                {
                    throw Invalid(argument, "empty controller prefix");
                }
                if (!result.TryAdd(controller, path.Trim('/')))
                {
                    throw Invalid(argument, $"controller {controller} specified multiple times");
                }
            }
        }
        return result;
    }

    private static FaultException Invalid(string argument, string why) =>
        new(FaultKind.InvalidArgument, $"invalid --cgroup argument: {argument}: {why}");
}
