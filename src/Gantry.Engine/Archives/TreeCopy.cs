using System.IO.Pipelines;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Engine.Archives;

/// <summary>Copies a directory with owners, modes, times, links and attributes, through an archive that is never stored.</summary>
internal static class TreeCopy
{
    /// <summary>Copies the content of a path inside a root, resolved within the root, to a directory; nothing when it is not a directory.</summary>
    internal static async Task CopyAsync(string root, string path, string target, CancellationToken cancellationToken)
    {
        using Tree source = Tree.Open(root, TreeResolve.InRoot);
        string inside = path.Trim('/');
        if (source.TryStat(inside) is not { } stat)
        {
            return;
        }

        if (stat.IsSymlink)
        {
            // /var/run is often a link: its target inside the root is meant.
            string link = source.ReadLink(inside);
            inside = link.StartsWith('/') ? link.Trim('/') : $"{Path.GetDirectoryName(inside)}/{link}";
            if (source.TryStat(inside) is not { IsDirectory: true })
            {
                return;
            }
        }
        else if (!stat.IsDirectory)
        {
            return;
        }

        Pipe pipe = new();
        using Tree destination = Tree.Open(target);
        Task writing = Task.Run(
            () =>
            {
                Exception? failure = null;
                try
                {
                    using Stream output = pipe.Writer.AsStream(leaveOpen: true);
                    TreeArchive.Write(source, inside, ".", output, cancellationToken);
                }
                catch (Exception exception)
                {
                    failure = exception;
                }

                pipe.Writer.Complete(failure);
            },
            CancellationToken.None);
        try
        {
            await Task.Run(() => new TarExtractor(destination, new TarExtractOptions()).Extract(new TarReader(pipe.Reader.AsStream()), cancellationToken), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            await pipe.Reader.CompleteAsync().ConfigureAwait(false);
            await writing.ConfigureAwait(false);
        }
    }
}
