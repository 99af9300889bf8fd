using Gantry.Faults;
using Gantry.Oci;

namespace Gantry.Engine.Containers;

/// <summary>Lays what a user asks for over what the image says (the rules of docs.docker.com, "Overriding image defaults").</summary>
internal static class SpecMerge
{
    /// <summary>The merged spec, and the command line.</summary>
    internal static (ContainerSpec Spec, List<string> Arguments) Apply(ContainerSpec asked, ContainerConfig image)
    {
        List<string> entrypoint = asked.Entrypoint is null ? [.. image.Entrypoint ?? []] : [.. asked.Entrypoint.Where((word, index) => index > 0 || word.Length > 0)];
        // A new entry point does not get the image's arguments, which were meant for the old one.
        List<string> command = asked.Command is { Count: > 0 } ? asked.Command : asked.Entrypoint is null ? [.. image.Cmd ?? []] : [];
        List<string> arguments = [.. entrypoint, .. command];
        if (arguments.Count == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, "no command specified");
        }

        Dictionary<string, string> labels = new(image.Labels ?? []);
        foreach ((string key, string value) in asked.Labels)
        {
            labels[key] = value;
        }

        HashSet<string> targets = [.. asked.Mounts.Select(mount => mount.Target.TrimEnd('/'))];
        IEnumerable<ContainerMount> imageVolumes = (image.Volumes?.Keys ?? Enumerable.Empty<string>())
            .Where(path => !targets.Contains(path.TrimEnd('/')))
            .Select(path => new ContainerMount { Kind = ContainerMountKind.Volume, Target = path });
        ContainerSpec merged = asked with
        {
            Entrypoint = entrypoint.Count > 0 ? entrypoint : null,
            Command = command.Count > 0 ? command : null,
            Environment = MergeEnvironment(image.Env ?? [], asked.Environment),
            WorkingDirectory = asked.WorkingDirectory.Length > 0 ? asked.WorkingDirectory : image.WorkingDir ?? "",
            User = asked.User.Length > 0 ? asked.User : image.User ?? "",
            Labels = labels,
            StopSignal = asked.StopSignal.Length > 0 ? asked.StopSignal : image.StopSignal ?? "",
            StopTimeoutSeconds = asked.StopTimeoutSeconds ?? image.StopTimeout,
            ExposedPorts = [.. asked.ExposedPorts.Concat(image.ExposedPorts?.Keys ?? Enumerable.Empty<string>()).Distinct()],
            Healthcheck = MergeHealthcheck(asked.Healthcheck, image.Healthcheck),
            Mounts = [.. asked.Mounts, .. imageVolumes],
        };
        return (merged, arguments);
    }

    internal static List<string> MergeEnvironment(IEnumerable<string> image, IEnumerable<string> asked)
    {
        List<string> result = [.. image];
        foreach (string entry in asked)
        {
            string name = entry.Split('=', 2)[0];
            int present = result.FindIndex(other => other.StartsWith(name + "=", StringComparison.Ordinal));
            if (!entry.Contains('=', StringComparison.Ordinal))
            {
                result.RemoveAll(other => other.StartsWith(name + "=", StringComparison.Ordinal));
            }
            else if (present >= 0)
            {
                result[present] = entry;
            }
            else
            {
                result.Add(entry);
            }
        }

        return result;
    }

    private static HealthcheckSpec? MergeHealthcheck(HealthcheckSpec? asked, HealthConfig? image)
    {
        if (image?.Test is not { Count: > 0 })
        {
            return asked is { Test.Count: > 0 } ? asked : null;
        }

        return new HealthcheckSpec
        {
            Test = asked is { Test.Count: > 0 } ? asked.Test : [.. image.Test],
            IntervalNs = asked is { IntervalNs: > 0 } ? asked.IntervalNs : image.Interval ?? 0,
            TimeoutNs = asked is { TimeoutNs: > 0 } ? asked.TimeoutNs : image.Timeout ?? 0,
            StartPeriodNs = asked is { StartPeriodNs: > 0 } ? asked.StartPeriodNs : image.StartPeriod ?? 0,
            StartIntervalNs = asked is { StartIntervalNs: > 0 } ? asked.StartIntervalNs : image.StartInterval ?? 0,
            Retries = asked is { Retries: > 0 } ? asked.Retries : image.Retries ?? 0,
        };
    }
}
