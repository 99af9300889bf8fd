using System.Globalization;
using System.Text.Json;
using Gantry.Build.Parsing;
using Gantry.Faults;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;
using Gantry.Oci;

namespace Gantry.Build.Execution;

internal sealed partial class StageBuilder
{
    private static readonly string[] s_defaultShell = ["/bin/sh", "-c"];

    // Instructions that change the configuration only.
    private Task ConfigureAsync(Instruction instruction, CancellationToken cancellationToken)
    {
        var (shown, change) = instruction.Keyword switch
        {
            "ARG" => Arg(instruction),
            "CMD" => Cmd(instruction),
            "ENTRYPOINT" => Entrypoint(instruction),
            "ENV" => Env(instruction),
            "EXPOSE" => Expose(instruction),
            "HEALTHCHECK" => HealthCheck(instruction),
            "LABEL" => Label(instruction),
            "MAINTAINER" => ($"MAINTAINER {instruction.Rest}", run => run),
            "ONBUILD" => OnBuild(instruction),
            "SHELL" => ($"SHELL [{string.Join(' ', instruction.Json!)}]", run => run with { Shell = instruction.Json }),
            "STOPSIGNAL" => StopSignal(instruction),
            "USER" => User(instruction),
            "VOLUME" => Volume(instruction),
            _ => throw DockerfileFault.At(instruction.Line, $"unknown instruction: {instruction.Keyword}"),
        };
        if (instruction.Keyword == "MAINTAINER")
        {
            _config = _config with { Author = instruction.Rest };
        }
        return StepAsync($"/bin/sh -c #(nop)  {shown}", _config.Author ?? "", change, null, cancellationToken);
    }

    private (string, Func<ContainerConfig, ContainerConfig>) Arg(Instruction instruction)
    {
        foreach (var word in ShellWords.Split(instruction.Rest, Escape))
        {
            var equals = word.IndexOf('=', StringComparison.Ordinal);
            var name = Expand(equals < 0 ? word : word[..equals]);
            if (name.Length == 0)
            {
                throw DockerfileFault.At(instruction.Line, "ARG names can not be blank");
            }
            var value = _session.Request.BuildArgs.TryGetValue(name, out var given) && given is not null ? given
                : equals >= 0 ? Expand(word[(equals + 1)..])
                : _session.Plan.GlobalArgs.GetValueOrDefault(name);
            _session.ConsumeArg(name);
            _args.Declare(name, value);
        }
        return ($"ARG {instruction.Rest}", run => run);
    }

    private (string, Func<ContainerConfig, ContainerConfig>) Cmd(Instruction instruction)
    {
        var command = Command(instruction);
        _cmdSet = true;
        return ($"CMD {Json(command)}", run => run with { Cmd = command });
    }

    private (string, Func<ContainerConfig, ContainerConfig>) Entrypoint(Instruction instruction)
    {
        var command = Command(instruction);
        var cmdSet = _cmdSet;
        // A CMD of the base image was meant for the base's entry point.
        return ($"ENTRYPOINT {Json(command)}", run => run with { Entrypoint = command, Cmd = cmdSet ? run.Cmd : null });
    }

    private IReadOnlyList<string> Command(Instruction instruction) =>
        instruction.Json ?? (instruction.Rest.Length == 0 ? [] : [.. Run.Shell ?? s_defaultShell, instruction.Rest]);

    private (string, Func<ContainerConfig, ContainerConfig>) Env(Instruction instruction)
    {
        // All values of one ENV see the environment before it (Dockerfile reference, "Environment replacement").
        var pairs = NameValues.Parse(instruction, Escape).Select(pair => (Name: Expand(pair.Key), Value: Expand(pair.Value))).ToArray();
        var env = (Run.Env ?? []).ToList();
        foreach (var (name, value) in pairs)
        {
            var at = env.FindIndex(item => item.StartsWith(name + "=", StringComparison.Ordinal));
            if (at >= 0)
            {
                env[at] = $"{name}={value}";
            }
            else
            {
                env.Add($"{name}={value}");
            }
        }
        return ($"ENV {string.Join(' ', pairs.Select(pair => $"{pair.Name}={pair.Value}"))}", run => run with { Env = env });
    }

    private (string, Func<ContainerConfig, ContainerConfig>) Label(Instruction instruction)
    {
        var labels = Run.Labels is null ? [] : new Dictionary<string, string>(Run.Labels, StringComparer.Ordinal);
        var shown = new List<string>();
        foreach (var (name, value) in NameValues.Parse(instruction, Escape))
        {
            var (key, text) = (Expand(name), Expand(value));
            labels[key] = text;
            shown.Add($"{key}={text}");
        }
        return ($"LABEL {string.Join(' ', shown)}", run => run with { Labels = labels });
    }

    private (string, Func<ContainerConfig, ContainerConfig>) Expose(Instruction instruction)
    {
        var ports = Run.ExposedPorts is null ? [] : new Dictionary<string, EmptyObject>(Run.ExposedPorts, StringComparer.Ordinal);
        var added = ExpandAll(instruction.Rest).SelectMany(word => Ports(word)).Order(StringComparer.Ordinal).ToArray();
        foreach (var port in added)
        {
            ports[port] = EmptyObject.Instance;
        }
        return ($"EXPOSE {string.Join(' ', added)}", run => run with { ExposedPorts = ports });
    }

    private static IEnumerable<string> Ports(string word)
    {
        var slash = word.IndexOf('/', StringComparison.Ordinal);
        var protocol = slash < 0 ? "tcp" : word[(slash + 1)..].ToLowerInvariant();
        if (protocol is not ("tcp" or "udp" or "sctp"))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"Invalid proto: {protocol}");
        }
        // The host's part of "8080:80" means nothing in an image.
        var ports = (slash < 0 ? word : word[..slash]).Split(':')[^1].Split('-');
        if (ports.Length > 2 || !TryPort(ports[0], out var first) || !TryPort(ports[^1], out var last) || last < first)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"Invalid containerPort: {word}");
        }
        return Enumerable.Range(first, last - first + 1).Select(port => $"{port}/{protocol}");
    }

    private static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= 65535;

    private (string, Func<ContainerConfig, ContainerConfig>) HealthCheck(Instruction instruction)
    {
        var type = ShellWords.Split(instruction.Rest, Escape)[0];
        if (type.Equals("NONE", StringComparison.OrdinalIgnoreCase))
        {
            return ("HEALTHCHECK NONE", run => run with { Healthcheck = new HealthConfig { Test = ["NONE"] } });
        }
        var command = instruction.Rest[type.Length..].Trim();
        IReadOnlyList<string> test = TryJsonWords(command) is { } words ? ["CMD", .. words] : ["CMD-SHELL", command];
        var health = new HealthConfig
        {
            Test = test,
            Interval = Duration(instruction, "interval"),
            Timeout = Duration(instruction, "timeout"),
            StartPeriod = Duration(instruction, "start-period"),
            StartInterval = Duration(instruction, "start-interval"),
            Retries = Retries(instruction),
        };
        return ($"HEALTHCHECK {Json(test)}", run => run with { Healthcheck = health });
    }

    private long? Duration(Instruction instruction, string flag)
    {
        if (instruction.Flag(flag) is not { Length: > 0 } text)
        {
            return null;
        }
        var value = GoDuration.Parse(Expand(text));
        return value is 0 or >= 1_000_000
            ? value
            : throw new FaultException(FaultKind.InvalidArgument, $"Interval \"{flag}\" cannot be less than 1ms");
    }

    private int? Retries(Instruction instruction) => instruction.Flag("retries") is not { Length: > 0 } text ? null
        : int.TryParse(Expand(text), NumberStyles.None, CultureInfo.InvariantCulture, out var retries) ? retries
        : throw new FaultException(FaultKind.InvalidArgument, $"--retries invalid value: \"{text}\"");

    private static (string, Func<ContainerConfig, ContainerConfig>) OnBuild(Instruction instruction)
    {
        var trigger = instruction.Rest + string.Concat(instruction.Heredocs.Select(heredoc => $"\n{heredoc.Content}{heredoc.Name}"));
        return ($"ONBUILD {instruction.Rest}", run => run with { OnBuild = [.. run.OnBuild ?? [], trigger] });
    }

    private (string, Func<ContainerConfig, ContainerConfig>) StopSignal(Instruction instruction)
    {
        var signal = Expand(instruction.Rest);
        return ($"STOPSIGNAL {signal}", run => run with { StopSignal = signal });
    }

    private (string, Func<ContainerConfig, ContainerConfig>) User(Instruction instruction)
    {
        var user = Expand(instruction.Rest);
        return user.Length == 0
            ? throw new FaultException(FaultKind.InvalidArgument, "USER requires exactly one argument")
            : ($"USER {user}", run => run with { User = user });
    }

    private (string, Func<ContainerConfig, ContainerConfig>) Volume(Instruction instruction)
    {
        var volumes = Run.Volumes is null ? [] : new Dictionary<string, EmptyObject>(Run.Volumes, StringComparer.Ordinal);
        var paths = instruction.Json?.Select(Expand).ToArray() ?? ExpandAll(instruction.Rest);
        foreach (var path in paths)
        {
            volumes[path] = EmptyObject.Instance;
        }
        return ($"VOLUME [{string.Join(' ', paths)}]", run => run with { Volumes = volumes });
    }

    private async Task WorkdirAsync(Instruction instruction, CancellationToken cancellationToken)
    {
        var path = Absolute(Expand(instruction.Rest));
        var relative = path.TrimStart('/');
        var shown = $"/bin/sh -c #(nop) WORKDIR {path}";
        var view = await _session.ViewAsync(_image, cancellationToken).ConfigureAwait(false);
        var exists = relative.Length == 0 || view.TryStatFollowed(relative) is { IsDirectory: true };
        await StepAsync(
            shown, "", run => run with { WorkingDir = path },
            exists ? null : root =>
            {
                using var tree = Tree.Open(root, TreeResolve.InRoot);
                tree.CreateDirectories(relative, 0x1ed); // 0755
                return Task.CompletedTask;
            },
            cancellationToken).ConfigureAwait(false);
    }

    // A path of the image, relative ones from the working directory.
    private string Absolute(string path)
    {
        if (path.Length == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, "a path must not be empty");
        }
        var joined = path.StartsWith('/') ? path : $"{Run.WorkingDir ?? "/"}/{path}";
        var parts = new List<string>();
        foreach (var part in joined.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == "..")
            {
                if (parts.Count > 0)
                {
                    parts.RemoveAt(parts.Count - 1);
                }
            }
            else if (part != ".")
            {
                parts.Add(part);
            }
        }
        return "/" + string.Join('/', parts);
    }

    private static IReadOnlyList<string>? TryJsonWords(string text)
    {
        try
        {
            return text.StartsWith('[') ? JsonSerializer.Deserialize(text, BuildJson.Default.StringArray) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Json(IEnumerable<string> words) => $"[{string.Join(' ', words.Select(word => $"\"{word}\""))}]";
}
