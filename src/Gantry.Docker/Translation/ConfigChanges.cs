using System.Text.Json;
using Gantry.Docker.Model;
using Gantry.Faults;
using Gantry.Oci;

namespace Gantry.Docker.Translation;

/// <summary>Applies --change of commit and import: one Dockerfile instruction each.</summary>
internal static class ConfigChanges
{
    internal static ContainerConfig Apply(ContainerConfig config, IEnumerable<string?> changes)
    {
        foreach (string change in changes.OfType<string>().SelectMany(text => text.Split('\n')).Where(text => text.Trim().Length > 0))
        {
            string[] parts = change.Trim().Split((char[])[' ', '\t'], 2, StringSplitOptions.RemoveEmptyEntries);
            config = One(config, parts[0].ToUpperInvariant(), parts.Length == 2 ? parts[1].Trim() : "");
        }

        return config;
    }

    private static ContainerConfig One(ContainerConfig config, string instruction, string value) => instruction switch
    {
        "CMD" => config with { Cmd = Words(value) },
        "ENTRYPOINT" => config with { Entrypoint = Words(value) },
        "ENV" => config with { Env = [.. (config.Env ?? []).Where(entry => !entry.StartsWith(Pair(value).Name + "=", StringComparison.Ordinal)), $"{Pair(value).Name}={Pair(value).Value}"] },
        "EXPOSE" => config with { ExposedPorts = With(config.ExposedPorts, value.Split(' ').Select(port => port.Contains('/', StringComparison.Ordinal) ? port : port + "/tcp")) },
        "LABEL" => config with { Labels = new(config.Labels ?? []) { [Pair(value).Name] = Pair(value).Value } },
        "USER" => config with { User = value },
        "VOLUME" => config with { Volumes = With(config.Volumes, value.StartsWith('[') ? Words(value) : value.Split(' ')) },
        "WORKDIR" => config with { WorkingDir = value },
        "STOPSIGNAL" => config with { StopSignal = value },
        _ => throw new FaultException(FaultKind.InvalidArgument, $"{instruction} is not a valid change command"),
    };

    private static List<string> Words(string value)
    {
        if (!value.StartsWith('['))
        {
            return ["/bin/sh", "-c", value];
        }

        try
        {
            return JsonSerializer.Deserialize(value, DockerJson.Default.ListString) ?? [];
        }
        catch (JsonException exception)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid change: {value} is not a JSON array of strings", exception);
        }
    }

    private static (string Name, string Value) Pair(string text)
    {
        int separator = text.IndexOfAny(['=', ' ']);
        return separator < 0 ? (text, "") : (text[..separator], text[(separator + 1)..].Trim().Trim('"'));
    }

    private static Dictionary<string, EmptyObject> With(Dictionary<string, EmptyObject>? before, IEnumerable<string> keys)
    {
        Dictionary<string, EmptyObject> result = new(before ?? []);
        foreach (string key in keys)
        {
            result[key] = EmptyObject.Instance;
        }

        return result;
    }
}
