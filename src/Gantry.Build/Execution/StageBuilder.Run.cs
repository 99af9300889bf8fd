using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Gantry.Build.Parsing;
using Gantry.Faults;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Build.Execution;

internal sealed partial class StageBuilder
{
    private async Task RunAsync(Instruction instruction, CancellationToken cancellationToken)
    {
        var network = instruction.Flag("network") is { } flag ? Expand(flag) : _session.Request.NetworkMode;
        if (instruction.Flag("security") is { } security && security != "sandbox")
        {
            throw DockerfileFault.At(instruction.Line, $"security mode \"{security}\" is not supported: use sandbox");
        }
        var command = RunCommand(instruction, out var script);
        var environment = RunArgs();
        await using var mounts = await RunMounts.CreateAsync(_session, _stage, instruction, Expand, script, cancellationToken).ConfigureAwait(false);
        var shown = string.Join(' ', command);
        var createdBy = environment.Count == 0 ? shown : $"|{environment.Count} {string.Join(' ', environment)} {shown}";
        await StepAsync(
            createdBy, $"{network}\n{mounts.CacheKey}", null,
            root => ExecuteAsync(root, instruction, command, environment, network, mounts, cancellationToken),
            cancellationToken).ConfigureAwait(false);
    }

    private async Task ExecuteAsync(
        string root, Instruction instruction, IReadOnlyList<string> command, IReadOnlyList<string> environment, string network,
        RunMounts mounts, CancellationToken cancellationToken)
    {
        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        _session.Say($" ---> Running in {id[..12]}\n");
        var decoder = Encoding.UTF8.GetDecoder();
        using var rootTree = Tree.Open(root, TreeResolve.InRoot);
        var workingDirectory = string.IsNullOrEmpty(Run.WorkingDir) ? "/" : Run.WorkingDir;
        rootTree.CreateDirectories(TarPath.Clean(workingDirectory), 0x1ed); // 0755; a base image may name one that it lacks
        using var stubs = MountStubs.Make(rootTree, mounts.Mounts.Select(mount => (mount.Target, mount.Source is null || Directory.Exists(mount.Source))));
        var exitCode = await _session.Executor.RunAsync(
            new BuildCommand
            {
                Id = id,
                RootDirectory = root,
                Args = command,
                Env = [.. Run.Env ?? [], .. environment],
                User = Run.User ?? "",
                WorkingDirectory = workingDirectory,
                NetworkMode = network,
                Mounts = mounts.Mounts,
                ExtraHosts = _session.Request.ExtraHosts,
                MemoryBytes = _session.Request.MemoryBytes,
                ShmSizeBytes = _session.Request.ShmSizeBytes,
                Output = bytes => SayBytes(decoder, bytes.Span),
            },
            cancellationToken).ConfigureAwait(false);
        _session.Say($" ---> Removed intermediate container {id[..12]}\n");
        if (exitCode != 0)
        {
            throw new RunFailedException(instruction.Json is null ? $"{command[0]} {string.Join(' ', command.Skip(1))}" : string.Join(' ', command), exitCode);
        }
    }

    // Declared arguments that ENV does not hide, and the predefined ones that were given.
    private List<string> RunArgs()
    {
        var environment = new List<string>();
        foreach (var argument in _args.Environment())
        {
            var name = argument[..(argument.IndexOf('=', StringComparison.Ordinal) + 1)];
            if (!(Run.Env ?? []).Any(variable => variable.StartsWith(name, StringComparison.Ordinal)))
            {
                environment.Add(argument);
            }
        }
        foreach (var (name, value) in _session.Request.BuildArgs.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (value is not null && StageArgs.IsPredefined(name) && _args.Lookup(name) is null)
            {
                environment.Add($"{name}={value}");
            }
        }
        return environment;
    }

    // The command line; a lone here-document that begins with "#!" becomes a program of its own.
    private IReadOnlyList<string> RunCommand(Instruction instruction, out string? script)
    {
        script = null;
        if (instruction.Json is { } json)
        {
            return json.Count > 0 ? json : throw DockerfileFault.At(instruction.Line, "RUN requires at least one argument");
        }
        var shell = Run.Shell ?? s_defaultShell;
        if (instruction.Heredocs.Count == 0)
        {
            return [.. shell, instruction.Rest];
        }
        if (instruction.Heredocs.Count == 1 && instruction.Rest == instruction.Heredocs[0].Word)
        {
            var content = instruction.Heredocs[0].Content;
            if (content.StartsWith("#!", StringComparison.Ordinal))
            {
                script = content;
                return [$"{RunMounts.ScriptTarget}"];
            }
            return [.. shell, content];
        }
        var text = new StringBuilder(instruction.Rest).Append('\n');
        foreach (var heredoc in instruction.Heredocs)
        {
            text.Append(heredoc.Content).Append(heredoc.Name).Append('\n');
        }
        return [.. shell, text.ToString()];
    }

    private void SayBytes(Decoder decoder, ReadOnlySpan<byte> bytes)
    {
        var characters = ArrayPool<char>.Shared.Rent(Encoding.UTF8.GetMaxCharCount(bytes.Length));
        // A character may be parted between two pieces of output.
        var count = decoder.GetChars(bytes, characters, flush: false);
        if (count > 0)
        {
            _session.Say(new string(characters, 0, count));
        }
        ArrayPool<char>.Shared.Return(characters);
    }
}
