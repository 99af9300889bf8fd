using System.Text;
using Gantry.Build.Context;
using Gantry.Build.Parsing;
using Gantry.Faults;
using Gantry.Images.Catalog;
using Gantry.Images.Layers;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Build.Execution;

internal sealed partial class StageBuilder
{
    private async Task CopyAsync(Instruction instruction, CancellationToken cancellationToken)
    {
        var words = (instruction.Json?.Select(Expand) ?? ShellWords.Split(instruction.Rest, Escape).SelectMany(word => new WordExpander(Escape, Lookup).ExpandWords(word))).ToArray();
        if (words.Length < 2)
        {
            throw DockerfileFault.At(instruction.Line, $"{instruction.Keyword} requires at least two arguments, but only one was provided. Destination could not be determined");
        }
        using var sources = await CollectAsync(instruction, words[..^1], cancellationToken).ConfigureAwait(false);
        var destination = words[^1];
        if (sources.Items.Count > 1 && !destination.EndsWith('/') && destination is not ("." or "./"))
        {
            throw new FaultException(FaultKind.InvalidArgument,
                $"When using {instruction.Keyword} with more than one source file, the destination must be a directory and end with a /");
        }
        var target = Absolute(destination).TrimStart('/');
        var intoDirectory = destination.EndsWith('/') || destination is "." or ".." || destination.EndsWith("/.", StringComparison.Ordinal);
        var chown = instruction.Flag("chown") is { } owner ? Expand(owner) : null;
        var permissions = instruction.Flag("chmod") is { } mode ? Permissions(Expand(mode)) : (uint?)null;
        var checksum = sources.Checksum(cancellationToken);
        var flags = (chown is null ? "" : $"--chown={chown} ") + (permissions is null ? "" : $"--chmod={Convert.ToString(permissions.Value, 8)} ");
        var createdBy = $"/bin/sh -c #(nop) {instruction.Keyword} {flags}{sources.Kind}:{checksum} in {destination} ";
        await StepAsync(
            createdBy, $"/{target} {intoDirectory} {(instruction.Flag("from") is null ? "context" : "image")}", null,
            root => Task.Run(
                () =>
                {
                    using var tree = Tree.Open(root, TreeResolve.InRoot);
                    var ids = chown is not null ? Ownership.Resolve(tree, chown) : instruction.Flag("from") is null ? (0u, 0u) : ((uint, uint)?)null;
                    foreach (var source in sources.Items)
                    {
                        Write(tree, source, target, intoDirectory, ids, permissions, cancellationToken);
                    }
                },
                cancellationToken),
            cancellationToken).ConfigureAwait(false);
    }

    private static void Write(
        Tree root, CopySource source, string target, bool intoDirectory, (uint, uint)? owner, uint? permissions, CancellationToken cancellationToken)
    {
        var copy = new TreeCopy(root, owner, permissions);
        if (source.IsArchive)
        {
            copy.MakeDirectories(target, source.Tree.TryStatFollowed(source.Path)!.Value.Modified);
            using var content = LayerCompression.Open(source.Tree.OpenRead(source.Path, follow: true));
            var options = new TarExtractOptions { Directory = target, Owner = owner is (0, 0) ? null : owner };
            new TarExtractor(root, options).Extract(new TarReader(content), cancellationToken);
            return;
        }
        var isDirectory = source.Tree.TryStatFollowed(source.Path) is { IsDirectory: true };
        var into = !isDirectory && (intoDirectory || root.TryStatFollowed(target) is { IsDirectory: true });
        copy.Copy(source.Tree, source.Path, into ? TarPath.Join(target, source.Name) : target, cancellationToken);
    }

    private async Task<CopySources> CollectAsync(Instruction instruction, string[] words, CancellationToken cancellationToken)
    {
        var sources = new CopySources(Path.Combine(_session.Paths.Work, $"sources-{Guid.NewGuid():n}"));
        try
        {
            var tree = await SourceTreeAsync(instruction, cancellationToken).ConfigureAwait(false);
            foreach (var word in words)
            {
                if (instruction.Heredocs.FirstOrDefault(heredoc => heredoc.Word == word || heredoc.Word.Replace("\"", "", StringComparison.Ordinal).Replace("'", "", StringComparison.Ordinal) == word) is { } heredoc)
                {
                    var text = heredoc.Expand ? new WordExpander(Escape, Lookup, keepQuotes: true).Expand(heredoc.Content) : heredoc.Content;
                    sources.AddFile(heredoc.Name, Encoding.UTF8.GetBytes(text));
                }
                else if (instruction.Keyword == "ADD" && IsUrl(word))
                {
                    await sources.AddUrlAsync(word, instruction.Flag("checksum"), cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    AddMatches(instruction, tree, word, sources);
                }
            }
            return sources;
        }
        catch
        {
            sources.Dispose();
            throw;
        }
    }

    private async Task<Tree> SourceTreeAsync(Instruction instruction, CancellationToken cancellationToken)
    {
        if (instruction.Keyword == "ADD" || instruction.Flag("from") is not { Length: > 0 } from)
        {
            return _session.Context.Tree;
        }
        var image = _session.Plan.FindStage(from, _stage.Index) is { } stage
            ? _session.StageImage(stage.Index)
            : await _session.BaseImageAsync(from, null, cancellationToken).ConfigureAwait(false);
        return await _session.ViewAsync(image, cancellationToken).ConfigureAwait(false);
    }

    private void AddMatches(Instruction instruction, Tree tree, string word, CopySources sources)
    {
        // Above the root is the root, as in docker.
        var path = Absolute("/" + word).TrimStart('/');
        var matches = Glob.HasWildcard(path) ? [.. CopySources.Match(tree, path)] : new[] { path };
        if (matches.Length == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{instruction.Keyword} failed: no source files were specified");
        }
        foreach (var match in matches)
        {
            if (tree.TryStatFollowed(match) is not { } stat)
            {
                var isContext = ReferenceEquals(tree, _session.Context.Tree);
                throw new FaultException(FaultKind.InvalidArgument, isContext
                    ? $"{instruction.Keyword} failed: file not found in build context or excluded by .dockerignore: stat {match}: file does not exist"
                    : $"{instruction.Keyword} failed: stat {match}: file does not exist");
            }
            sources.Add(tree, match, instruction.Keyword == "ADD" && stat.IsRegular && CopySources.IsTar(tree, match));
        }
    }

    private static bool IsUrl(string word)
    {
        if (word.StartsWith("git@", StringComparison.Ordinal) || word.StartsWith("git://", StringComparison.Ordinal)
            || (word.StartsWith("http", StringComparison.Ordinal) && word.Split('#')[0].EndsWith(".git", StringComparison.Ordinal)))
        {
            throw new FaultException(FaultKind.NotImplemented, $"ADD {word}: git repositories are not supported: clone it into the build context");
        }
        return word.StartsWith("http://", StringComparison.Ordinal) || word.StartsWith("https://", StringComparison.Ordinal);
    }

    private static uint Permissions(string text)
    {
        if (text.Length is 0 or > 5 || !text.All(c => c is >= '0' and <= '7'))
        {
            throw new FaultException(FaultKind.InvalidArgument,
                $"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777");
        }
        return Convert.ToUInt32(text, 8) is <= 0xfff and var mode ? mode
            : throw new FaultException(FaultKind.InvalidArgument, $"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777");
    }
}
