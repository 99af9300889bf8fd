using Gantry.Faults;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Gantry.Daemon.Configuration;

/// <summary>
/// The raw settings by name: a flag <c>--pod-range X</c> wins over the environment's GANTRY_POD_RANGE, which wins over the
/// line <c>pod-range: X</c> of the configuration file.
/// </summary>
internal sealed class Settings
{
    private const string DefaultFile = "/etc/gantry/config.yaml";
    private readonly Dictionary<string, string> _flags = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _file = new(StringComparer.Ordinal);

    /// <summary>Reads arguments and file; every mistake is reported at once as InvalidArgument.</summary>
    public Settings(IReadOnlyList<string> arguments, IReadOnlySet<string> known)
    {
        var errors = new List<string>();
        for (var i = 0; i < arguments.Count; i++)
        {
            var (name, value) = Split(arguments[i]);
            if (name is null || !known.Contains(name))
            {
                errors.Add($"unknown argument {arguments[i]}");
            }
            else if (value is null && ++i >= arguments.Count)
            {
                errors.Add($"--{name} needs a value");
            }
            else
            {
                _flags[name] = value ?? arguments[i];
            }
        }

        ReadFile(known, errors);
        if (errors.Count > 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, string.Join("; ", errors));
        }
    }

    /// <summary>The setting, or null when nobody gave it.</summary>
    public string? Get(string name) =>
        _flags.GetValueOrDefault(name)
        ?? Environment.GetEnvironmentVariable("GANTRY_" + name.ToUpperInvariant().Replace('-', '_'))
        ?? _file.GetValueOrDefault(name);

    private static (string? Name, string? Value) Split(string argument)
    {
        if (!argument.StartsWith("--", StringComparison.Ordinal))
        {
            return (null, null);
        }

        var equals = argument.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? (argument[2..], null) : (argument[2..equals], argument[(equals + 1)..]);
    }

    private void ReadFile(IReadOnlySet<string> known, List<string> errors)
    {
        var path = Get("config") ?? DefaultFile;
        if (!File.Exists(path))
        {
            if (Get("config") is not null)
            {
                errors.Add($"{path} does not exist");
            }

            return;
        }

        try
        {
            using var reader = new StreamReader(path);
            var stream = new YamlStream();
            stream.Load(reader);
            if (stream.Documents.Count == 0)
            {
                return;
            }

            if (stream.Documents[0].RootNode is not YamlMappingNode root)
            {
                errors.Add($"{path} is not a map of settings");
                return;
            }

            foreach (var (key, value) in root.Children)
            {
                if (key is YamlScalarNode { Value: { } name } && value is YamlScalarNode { Value: { } text } && known.Contains(name))
                {
                    _file[name] = text;
                }
                else
                {
                    errors.Add($"{path}, line {key.Start.Line}: unknown setting {key}");
                }
            }
        }
        catch (YamlException malformed)
        {
            errors.Add($"{path}, line {malformed.Start.Line}: {malformed.Message}");
        }
    }
}
