using Gantry.Build.Parsing;
using Gantry.Build.Planning;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Images.Content;
using Gantry.Oci;

namespace Gantry.Build.Execution;

/// <summary>Builds one stage: takes its base, then one instruction after another, each from the cache or anew.</summary>
internal sealed partial class StageBuilder
{
    private const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private readonly BuildSession _session;
    private readonly Stage _stage;
    private readonly StageArgs _args = new();
    private Image? _image;
    private ImageConfig _config = new();
    private bool _cmdSet;

    public StageBuilder(BuildSession session, Stage stage)
    {
        _session = session;
        _stage = stage;
    }

    private ContainerConfig Run => _config.Config ?? new ContainerConfig();

    private char Escape => _session.Plan.Escape;

    public async Task<Image?> BuildAsync(CancellationToken cancellationToken)
    {
        await FromAsync(cancellationToken).ConfigureAwait(false);
        foreach (var instruction in _stage.Instructions)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _session.SayStep(instruction.Text);
            await ExecuteAsync(instruction, cancellationToken).ConfigureAwait(false);
            SayImage();
        }
        return _image;
    }

    private async Task FromAsync(CancellationToken cancellationToken)
    {
        _session.SayStep(_stage.From.Text);
        if (_stage.BaseStage is { } index)
        {
            _image = _session.StageImage(index);
        }
        else if (_stage.BaseName != "scratch")
        {
            _image = await _session.BaseImageAsync(_stage.BaseName, _stage.Platform, cancellationToken).ConfigureAwait(false);
        }
        _config = _image?.Config ?? EmptyConfig();
        if (!(Run.Env ?? []).Any(variable => variable.StartsWith("PATH=", StringComparison.Ordinal)))
        {
            _config = _config with { Config = Run with { Env = [.. Run.Env ?? [], DefaultPath] } };
        }
        SayImage();
        await RunTriggersAsync(cancellationToken).ConfigureAwait(false);
    }

    private ImageConfig EmptyConfig() => new()
    {
        Architecture = _session.Platform.Architecture,
        Variant = _session.Platform.Variant,
        Os = _session.Platform.Os,
    };

    // ONBUILD of the base: each trigger runs once, as if it stood after FROM.
    private async Task RunTriggersAsync(CancellationToken cancellationToken)
    {
        if (Run.OnBuild is not { Count: > 0 } triggers || _stage.BaseStage is not null)
        {
            return;
        }
        _session.Say($"# Executing {triggers.Count} build trigger{(triggers.Count == 1 ? "" : "s")}\n");
        _config = _config with { Config = Run with { OnBuild = null } };
        foreach (var trigger in triggers)
        {
            var instruction = DockerfileParser.ParseOne(trigger, Escape, _stage.From.Line);
            InstructionChecks.Check(instruction, Escape);
            await ExecuteAsync(instruction, cancellationToken).ConfigureAwait(false);
            SayImage();
        }
    }

    private void SayImage() => _session.Say($" ---> {_image?.Id.Short}\n");

    private Task ExecuteAsync(Instruction instruction, CancellationToken cancellationToken)
    {
        try
        {
            return instruction.Keyword switch
            {
                "RUN" => RunAsync(instruction, cancellationToken),
                "COPY" or "ADD" => CopyAsync(instruction, cancellationToken),
                "WORKDIR" => WorkdirAsync(instruction, cancellationToken),
                _ => ConfigureAsync(instruction, cancellationToken),
            };
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.InvalidArgument)
        {
            throw InstructionChecks.AtLine(instruction, fault);
        }
    }

    private string Expand(string word) => new WordExpander(Escape, Lookup).Expand(word);

    private IReadOnlyList<string> ExpandAll(string text) =>
        [.. ShellWords.Split(text, Escape).SelectMany(word => new WordExpander(Escape, Lookup).ExpandWords(word))];

    // ENV wins over ARG of the same name.
    private string? Lookup(string name)
    {
        var variable = (Run.Env ?? []).LastOrDefault(item => item.StartsWith(name + "=", StringComparison.Ordinal));
        return variable is not null ? variable[(name.Length + 1)..] : _args.Lookup(name);
    }

    /// <summary>
    /// Takes a step: from the cache, or by writing into a snapshot (when there is <paramref name="write"/>) and committing the
    /// result with a changed configuration.
    /// </summary>
    private async Task StepAsync(
        string createdBy, string inputs, Func<ContainerConfig, ContainerConfig>? configure, Func<string, Task>? write, CancellationToken cancellationToken)
    {
        // The configuration is part of the key: PATH may have been added to what the base image says.
        var before = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(OciJson.Serialize(Run)));
        var key = StepCache.Key(_image?.Id, createdBy, $"{before}\n{inputs}");
        if (!_session.Request.NoCache && await _session.Cache.FindAsync(key, cancellationToken).ConfigureAwait(false) is { } cached)
        {
            _session.Say(" ---> Using cache\n");
            Take(cached);
            return;
        }
        using var lease = _session.Images.Content.CreateLease();
        var layers = _image is null ? [] : await _session.Images.GetLayersAsync(_image, cancellationToken).ConfigureAwait(false);
        var diffIds = _config.RootFs.DiffIds;
        if (write is not null)
        {
            var blob = await WriteLayerAsync(write, lease, cancellationToken).ConfigureAwait(false);
            layers = [.. layers, blob.Blob];
            diffIds = [.. diffIds, blob.DiffId];
        }
        var now = _session.Time.GetUtcNow();
        var config = _config with
        {
            Created = now,
            Comment = null,
            Container = null,
            DockerVersion = null,
            Config = configure is null ? Run : configure(Run),
            RootFs = new RootFs { DiffIds = diffIds },
            History = [.. _config.History ?? [], new HistoryEntry { Created = now, CreatedBy = createdBy, EmptyLayer = write is null }],
        };
        var image = await _session.Images.CreateAsync(config, layers, _image?.Id, [], lease, cancellationToken).ConfigureAwait(false);
        await _session.Cache.AddAsync(key, image.Id, cancellationToken).ConfigureAwait(false);
        Take(image);
    }

    private async Task<Images.Snapshots.LayerBlob> WriteLayerAsync(Func<string, Task> write, ContentLease lease, CancellationToken cancellationToken)
    {
        var mount = await _session.PrepareAsync(_image, cancellationToken).ConfigureAwait(false);
        // A crash throws the snapshot away, so its files need not reach the disk before they are a layer.
        var root = mount.Mount(isVolatile: true);
        try
        {
            await write(root).ConfigureAwait(false);
        }
        finally
        {
            mount.Unmount();
        }
        return await _session.Images.Snapshots.CommitAsync(mount.Key, lease, cancellationToken).ConfigureAwait(false);
    }

    private void Take(Image image)
    {
        _image = image;
        _config = image.Config;
    }
}
