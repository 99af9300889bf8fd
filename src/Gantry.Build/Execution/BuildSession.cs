using Gantry.Build.Context;
using Gantry.Build.Parsing;
using Gantry.Build.Planning;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Images.Snapshots;
using Gantry.Linux.Trees;
using Gantry.Oci;

namespace Gantry.Build.Execution;

/// <summary>One build: what its stages share, and everything that must be gone when it ends.</summary>
internal sealed class BuildSession : IAsyncDisposable
{
    private readonly BuildPaths _paths;
    private readonly Dictionary<int, Image?> _stageImages = [];
    private readonly Dictionary<string, (SnapshotMount Mount, Tree Tree)> _views = new(StringComparer.Ordinal);
    private readonly HashSet<string> _consumedArgs = new(StringComparer.Ordinal);
    private readonly Lock _outputLock = new();
    private BuildContext? _context;
    private int _snapshots;
    private int _step;
    private int _steps;

    public BuildSession(
        ImageService images, IBuildExecutor executor, StepCache cache, BuildRequest request, BuildPaths paths, TimeProvider time)
    {
        Images = images;
        Executor = executor;
        Cache = cache;
        Request = request;
        Time = time;
        _paths = paths;
    }

    public ImageService Images { get; }

    public IBuildExecutor Executor { get; }

    public StepCache Cache { get; }

    public BuildRequest Request { get; }

    public TimeProvider Time { get; }

    public BuildPlan Plan { get; private set; } = null!;

    public BuildContext Context => _context!;

    public BuildPaths Paths => _paths;

    public Platform Platform => Request.Platform ?? Platform.Host;

    public async Task<Image> RunAsync(CancellationToken cancellationToken)
    {
        _context = await Task.Run(
            () => BuildContext.Extract(Request.Context, Path.Combine(_paths.Work, "context"), Request.DockerfilePath, cancellationToken),
            cancellationToken).ConfigureAwait(false);
        var dockerfile = DockerfileParser.Parse(Context.Dockerfile);
        Plan = BuildPlan.Create(dockerfile, Request.Target, Request.BuildArgs, PlatformArgs());
        AddLabels(Plan.Stages[^1]);
        _steps = Plan.Stages.Sum(stage => stage.Instructions.Count + 1);
        foreach (var stage in Plan.Stages)
        {
            var builder = new StageBuilder(this, stage);
            _stageImages[stage.Index] = await builder.BuildAsync(cancellationToken).ConfigureAwait(false);
        }
        var image = _stageImages[Plan.Stages[^1].Index]
            ?? throw new FaultException(FaultKind.InvalidArgument, "No image was generated. Is your Dockerfile empty?");
        WarnOfUnusedArgs();
        Request.Output(new BuildMessage(null, ImageId: image.Id));
        Say($"Successfully built {image.Id.Short}\n");
        foreach (var tag in Request.Tags)
        {
            await Images.TagAsync(image.Id.Value, tag, cancellationToken).ConfigureAwait(false);
            Say($"Successfully tagged {tag.WithDefaultTag().Familiar}\n");
        }
        return await Images.ResolveAsync(image.Id.Value, cancellationToken).ConfigureAwait(false);
    }

    public void Say(string text)
    {
        lock (_outputLock)
        {
            Request.Output(new BuildMessage(text));
        }
    }

    public void SayStep(string text) => Say($"Step {++_step}/{_steps} : {text}\n");

    public void Report(ImageProgress progress)
    {
        lock (_outputLock)
        {
            Request.Output(new BuildMessage(null, progress));
        }
    }

    public void ConsumeArg(string name) => _consumedArgs.Add(name);

    /// <summary>The finished image of a stage; null for one from scratch without steps.</summary>
    public Image? StageImage(int index) => _stageImages[index];

    /// <summary>A base image: local if there is one, unless the request asks to pull.</summary>
    public async Task<Image> BaseImageAsync(string name, string? platform, CancellationToken cancellationToken)
    {
        var wanted = platform is null ? Platform : Platform.Parse(platform);
        if (!Request.Pull && await Images.FindAsync(name, cancellationToken).ConfigureAwait(false) is { } local
            && wanted.Matches(new Platform { Os = local.Config.Os, Architecture = local.Config.Architecture, Variant = local.Config.Variant }))
        {
            return local;
        }
        var reference = ImageReference.Parse(name);
        var request = new PullRequest(reference)
        {
            Platform = wanted,
            Credentials = Request.CredentialsFor(reference.Domain),
            Progress = Report,
        };
        return await Images.PullAsync(request, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A writable snapshot of this build.</summary>
    public async Task<SnapshotMount> PrepareAsync(Image? parent, CancellationToken cancellationToken)
    {
        if (parent is not null)
        {
            await Images.EnsureUnpackedAsync(parent, cancellationToken).ConfigureAwait(false);
        }
        return await Images.Snapshots.PrepareAsync($"{_paths.SnapshotPrefix}-{++_snapshots}", parent?.ChainId, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The files of an image, mounted until the build ends. Whoever reads them must not write.</summary>
    public async Task<Tree> ViewAsync(Image? image, CancellationToken cancellationToken)
    {
        var key = image?.ChainId?.Value ?? "";
        if (!_views.TryGetValue(key, out var view))
        {
            var mount = await PrepareAsync(image, cancellationToken).ConfigureAwait(false);
            view = (mount, Tree.Open(mount.Mount(), TreeResolve.InRoot));
            _views[key] = view;
        }
        return view.Tree;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (mount, tree) in _views.Values)
        {
            tree.Dispose();
            mount.Unmount();
        }
        for (var i = 1; i <= _snapshots; i++)
        {
            await Images.Snapshots.RemoveAsync($"{_paths.SnapshotPrefix}-{i}", CancellationToken.None).ConfigureAwait(false);
        }
        _context?.Dispose();
        if (Directory.Exists(_paths.Work))
        {
            using var parent = Tree.Open(Path.GetDirectoryName(_paths.Work)!);
            parent.Remove(_paths.Id);
        }
    }

    private void AddLabels(Stage stage)
    {
        if (Request.Labels.Count == 0)
        {
            return;
        }
        var pairs = Request.Labels.OrderBy(label => label.Key, StringComparer.Ordinal).Select(label => $"{Quote(label.Key)}={Quote(label.Value)}");
        var rest = string.Join(' ', pairs);
        stage.Instructions.Add(new Instruction { Keyword = "LABEL", Line = 0, Rest = rest, Text = $"LABEL {rest}" });
    }

    // In single quotes nothing is special; a single quote itself stands in double ones.
    private static string Quote(string text) => $"'{text.Replace("'", "'\"'\"'", StringComparison.Ordinal)}'";

    private Dictionary<string, string> PlatformArgs() => new(StringComparer.Ordinal)
    {
        ["BUILDPLATFORM"] = Platform.Host.ToString(),
        ["BUILDOS"] = Platform.Host.Os,
        ["BUILDARCH"] = Platform.Host.Architecture,
        ["BUILDVARIANT"] = Platform.Host.Variant ?? "",
        ["TARGETPLATFORM"] = Platform.ToString(),
        ["TARGETOS"] = Platform.Os,
        ["TARGETARCH"] = Platform.Architecture,
        ["TARGETVARIANT"] = Platform.Variant ?? "",
    };

    private void WarnOfUnusedArgs()
    {
        var unused = Request.BuildArgs.Keys
            .Where(name => !_consumedArgs.Contains(name) && !Plan.GlobalArgs.ContainsKey(name) && !StageArgs.IsPredefined(name))
            .Order(StringComparer.Ordinal)
            .ToArray();
        if (unused.Length > 0)
        {
            Say($"[Warning] One or more build-args [{string.Join(' ', unused)}] were not consumed\n");
        }
    }
}
