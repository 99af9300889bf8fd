using System.Text;
using Gantry.Faults;
using Gantry.Images.Layers;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Build.Context;

/// <summary>
/// The files that a build may copy, in a directory of its own that goes with it. What .dockerignore names is not there.
/// </summary>
internal sealed class BuildContext : IDisposable
{
    // A Dockerfile is read into memory.
    private const int MaxDockerfileBytes = 4 << 20;

    private readonly string _directory;

    private BuildContext(string directory, Tree tree)
    {
        _directory = directory;
        Tree = tree;
    }

    /// <summary>The files; symbolic links stay inside.</summary>
    public Tree Tree { get; }

    /// <summary>The Dockerfile's text.</summary>
    public string Dockerfile { get; private set; } = "";

    /// <summary>Extracts a context below a directory. <c>InvalidArgument</c> when it is no archive or has no Dockerfile.</summary>
    public static BuildContext Extract(Stream archive, string directory, string dockerfilePath, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        var context = new BuildContext(directory, Tree.Open(directory, TreeResolve.InRoot));
        try
        {
            context.ExtractFiles(archive, directory, cancellationToken);
            context.Dockerfile = context.ReadDockerfile(dockerfilePath);
            context.ApplyIgnoreRules(dockerfilePath);
            return context;
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Tree.Dispose();
        using var parent = Tree.Open(Path.GetDirectoryName(_directory)!);
        parent.Remove(Path.GetFileName(_directory));
    }

    private void ExtractFiles(Stream archive, string directory, CancellationToken cancellationToken)
    {
        using var target = Tree.Open(directory);
        using var content = LayerCompression.Open(new BlockingReadStream(archive, cancellationToken));
        var reader = new TarReader(content);
        try
        {
            // Files of a context belong to root in the image (Dockerfile reference, COPY --chown).
            new TarExtractor(target, new TarExtractOptions { Owner = (0, 0) }).Extract(reader, cancellationToken);
            reader.Drain();
        }
        catch (InvalidDataException error)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"the build context is damaged: {error.Message}", error);
        }
    }

    private string ReadDockerfile(string path)
    {
        var clean = TarPath.Clean(path);
        if (clean.Length == 0 || Tree.TryStatFollowed(clean) is not { IsRegular: true } stat)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"Cannot locate specified Dockerfile: {path}");
        }
        if (stat.SizeBytes == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"the Dockerfile ({path}) cannot be empty");
        }
        return ReadText(clean, stat.SizeBytes);
    }

    private void ApplyIgnoreRules(string dockerfilePath)
    {
        var own = TarPath.Clean(dockerfilePath) + ".dockerignore";
        var file = new[] { own, ".dockerignore" }.FirstOrDefault(path => Tree.TryStatFollowed(path) is { IsRegular: true });
        if (file is null)
        {
            return;
        }
        var rules = IgnoreRules.Parse(ReadText(file, Tree.TryStatFollowed(file)!.Value.SizeBytes));
        if (!rules.IsEmpty)
        {
            Prune(Tree, "", rules);
        }
    }

    private static void Prune(Tree directory, string prefix, IgnoreRules rules, int depth = 0)
    {
        if (depth > TarPath.MaxDepth)
        {
            throw TarPath.TooDeep(prefix);
        }
        foreach (var name in directory.Names())
        {
            var path = TarPath.Join(prefix, name);
            var ignored = rules.IsIgnored(path);
            using var child = ignored && !rules.HasExceptions ? null : directory.TryOpenChild(name);
            if (child is null)
            {
                if (ignored)
                {
                    directory.Remove(name);
                }
                continue;
            }
            Prune(child, path, rules, depth + 1);
            if (ignored && child.Names().Count == 0)
            {
                directory.Remove(name);
            }
        }
    }

    private string ReadText(string path, long size)
    {
        if (size > MaxDockerfileBytes)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{path} of {size} bytes is too large");
        }
        using var stream = Tree.OpenRead(path, follow: true);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
