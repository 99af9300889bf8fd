using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gantry.Build.Context;
using Gantry.Build.Parsing;
using Gantry.Build.Planning;
using Gantry.Faults;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Build.Execution;

/// <summary>The <c>--mount</c> flags of a RUN instruction, resolved to paths of the host.</summary>
internal sealed class RunMounts : IAsyncDisposable
{
    /// <summary>Where a here-document that is a program of its own is mounted.</summary>
    public const string ScriptTarget = "/dev/pipes/EOF";

    // Caches with sharing=locked are used by one command at a time, in this process, which owns them.
    private static readonly ConcurrentDictionary<string, SemaphoreSlim> s_locks = new(StringComparer.Ordinal);

    private readonly BuildSession _session;
    private readonly Stage _stage;
    private readonly Instruction _instruction;
    private readonly List<BuildMount> _mounts = [];
    private readonly List<SemaphoreSlim> _held = [];
    private readonly StringBuilder _key = new();

    private RunMounts(BuildSession session, Stage stage, Instruction instruction)
    {
        _session = session;
        _stage = stage;
        _instruction = instruction;
    }

    public IReadOnlyList<BuildMount> Mounts => _mounts;

    /// <summary>What of the mounts decides the command's outcome: the contents of binds, and that there are caches.</summary>
    public string CacheKey => _key.ToString();

    public static async Task<RunMounts> CreateAsync(
        BuildSession session, Stage stage, Instruction instruction, Func<string, string> expand, string? script, CancellationToken cancellationToken)
    {
        var mounts = new RunMounts(session, stage, instruction);
        try
        {
            foreach (var flag in instruction.Flags.Where(flag => flag.Key == "mount"))
            {
                await mounts.AddAsync(Options(flag.Value, expand), cancellationToken).ConfigureAwait(false);
            }
            if (script is not null)
            {
                mounts.AddScript(script);
            }
            return mounts;
        }
        catch
        {
            await mounts.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        foreach (var held in _held)
        {
            held.Release();
        }
        _held.Clear();
        return ValueTask.CompletedTask;
    }

    private static Dictionary<string, string> Options(string flag, Func<string, string> expand)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in expand(flag).Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = (equals < 0 ? part : part[..equals]).ToLowerInvariant();
            options[name is "dst" or "destination" ? "target" : name is "src" ? "source" : name is "ro" ? "readonly" : name] =
                equals < 0 ? "true" : part[(equals + 1)..];
        }
        return options;
    }

    private Task AddAsync(Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        _key.Append(string.Join(',', options.OrderBy(option => option.Key, StringComparer.Ordinal).Select(option => $"{option.Key}={option.Value}"))).Append('\n');
        switch (options.GetValueOrDefault("type", "bind"))
        {
            case "bind":
                return AddBindAsync(options, cancellationToken);
            case "cache":
                return AddCacheAsync(options, cancellationToken);
            case "tmpfs":
                _mounts.Add(new BuildMount(null, Target(options), false, Size(options)));
                return Task.CompletedTask;
            case "secret" or "ssh" when options.GetValueOrDefault("required", "false") is "false":
                return Task.CompletedTask; // optional, and the classic API has no way to hand one over
            case "secret":
                throw At($"secret {options.GetValueOrDefault("id", "")}: not found: secrets need a BuildKit session, which this API does not have");
            case "ssh":
                throw At("ssh agents need a BuildKit session, which this API does not have");
            case var type:
                throw At($"unsupported mount type \"{type}\": use bind, cache or tmpfs");
        }
    }

    private async Task AddBindAsync(Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        var source = TarPath.Clean(options.GetValueOrDefault("source", ""));
        var tree = await SourceAsync(options.GetValueOrDefault("from"), cancellationToken).ConfigureAwait(false);
        if (tree.TryStatFollowed(source) is null)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"failed to compute cache key: \"/{source}\": not found");
        }
        using var checksum = new ContentChecksum();
        checksum.Add(tree, source, cancellationToken);
        _key.Append(checksum.Finish()).Append('\n');
        // "rw" lets a command write, and throws away what it wrote; the files here must not change.
        _mounts.Add(new BuildMount(tree.ResolveHostPath(source), Target(options), IsReadOnly: true));
    }

    private async Task AddCacheAsync(Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        var id = options.GetValueOrDefault("id") ?? Target(options);
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..32];
        var directory = Path.Combine(_session.Paths.RunCache, name);
        if (options.GetValueOrDefault("sharing", "shared") is "locked" or "private")
        {
            var turn = s_locks.GetOrAdd(directory, static _ => new SemaphoreSlim(1, 1));
            await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
            _held.Add(turn);
        }
        if (!Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory);
            using var tree = Tree.Open(directory);
            tree.SetOwner("", Number(options, "uid"), Number(options, "gid"));
            tree.SetPermissions("", options.TryGetValue("mode", out var mode) ? Convert.ToUInt32(mode, 8) : 0x1ed);
        }
        _mounts.Add(new BuildMount(directory, Target(options), options.ContainsKey("readonly")));
    }

    private void AddScript(string script)
    {
        var file = Path.Combine(_session.Paths.Work, $"script-{Guid.NewGuid():n}");
        File.WriteAllText(file, script);
        using (var work = Tree.Open(_session.Paths.Work))
        {
            work.SetPermissions(Path.GetFileName(file), 0x16d); // 0555
        }
        _key.Append(script).Append('\n');
        _mounts.Add(new BuildMount(file, ScriptTarget, IsReadOnly: true));
    }

    private async Task<Tree> SourceAsync(string? from, CancellationToken cancellationToken)
    {
        if (from is null)
        {
            return _session.Context.Tree;
        }
        var image = _session.Plan.FindStage(from, _stage.Index) is { } stage
            ? _session.StageImage(stage.Index)
            : await _session.BaseImageAsync(from, null, cancellationToken).ConfigureAwait(false);
        return await _session.ViewAsync(image, cancellationToken).ConfigureAwait(false);
    }

    private string Target(Dictionary<string, string> options)
    {
        var target = options.GetValueOrDefault("target");
        return string.IsNullOrEmpty(target) || TarPath.Clean(target).Length == 0
            ? throw At("invalid mount target: a mount needs target=<path>")
            : "/" + TarPath.Clean(target);
    }

    private long Size(Dictionary<string, string> options) => options.TryGetValue("size", out var text)
        ? long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : throw At($"invalid size \"{text}\": give bytes")
        : 0;

    private uint Number(Dictionary<string, string> options, string name) => options.TryGetValue(name, out var text)
        ? uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw At($"invalid {name} \"{text}\"")
        : 0;

    private FaultException At(string message) => DockerfileFault.At(_instruction.Line, message);
}
