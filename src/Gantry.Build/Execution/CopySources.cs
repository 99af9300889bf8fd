using System.Globalization;
using Gantry.Build.Context;
using Gantry.Faults;
using Gantry.Images.Catalog;
using Gantry.Images.Layers;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;
using Gantry.Oci;

namespace Gantry.Build.Execution;

/// <summary>One file or directory to copy; an archive is extracted instead.</summary>
internal sealed record CopySource(Tree Tree, string Path, string Name, bool IsArchive);

/// <summary>What a COPY or ADD copies, with files that it brings itself (here-documents, downloads) in a directory of their own.</summary>
internal sealed class CopySources(string directory) : IDisposable
{
    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromMinutes(10) };
    private readonly List<CopySource> _items = [];
    private Tree? _own;

    public IReadOnlyList<CopySource> Items => _items;

    /// <summary>How the classic builder calls it in an image's history.</summary>
    public string Kind => _items.Count > 1 ? "multi" : _items[0].Tree.TryStatFollowed(_items[0].Path) is { IsDirectory: true } ? "dir" : "file";

    public void Add(Tree tree, string path, bool isArchive) => _items.Add(new CopySource(tree, path, TarPath.Base(path), isArchive));

    public void AddFile(string name, byte[] content)
    {
        var tree = Own();
        var file = _items.Count.ToString(CultureInfo.InvariantCulture);
        using (var stream = tree.CreateFile(file))
        {
            stream.Write(content);
        }
        tree.SetPermissions(file, 0x1a4); // 0644
        tree.SetModified(file, default);
        _items.Add(new CopySource(tree, file, name, false));
    }

    public async Task AddUrlAsync(string url, string? checksum, CancellationToken cancellationToken)
    {
        var uri = new Uri(url);
        var name = Uri.UnescapeDataString(uri.Segments[^1].TrimEnd('/'));
        if (name.Length == 0 || name.Contains('/', StringComparison.Ordinal))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"cannot determine filename from url: {url}");
        }
        var tree = Own();
        var file = _items.Count.ToString(CultureInfo.InvariantCulture);
        try
        {
            using var response = await s_http.GetAsync(uri, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
            {
                throw new FaultException(FaultKind.InvalidArgument, $"ADD failed: failed to GET {url} with status {(int)response.StatusCode} {response.ReasonPhrase}");
            }
            await using (var stream = tree.CreateFile(file))
            {
                await response.Content.CopyToAsync(stream, cancellationToken).ConfigureAwait(false);
            }
            var modified = response.Content.Headers.LastModified?.ToUnixTimeSeconds() ?? 0;
            tree.SetModified(file, new TreeTime(modified, 0));
        }
        catch (HttpRequestException error)
        {
            throw new FaultException(FaultKind.Unavailable, $"ADD failed: Get \"{url}\": {error.Message}", error);
        }
        if (checksum is not null)
        {
            await VerifyAsync(tree, file, url, Digest.Parse(checksum), cancellationToken).ConfigureAwait(false);
        }
        _items.Add(new CopySource(tree, file, name, false)); // 0600 as in the Dockerfile reference, and never extracted
    }

    public string Checksum(CancellationToken cancellationToken)
    {
        using var checksum = new ContentChecksum();
        foreach (var item in _items)
        {
            checksum.Add(item.Name);
            checksum.Add(item.Tree, item.Path, cancellationToken);
        }
        return checksum.Finish();
    }

    /// <summary>The paths of a tree that match a pattern, component by component, in ordinal order.</summary>
    public static IEnumerable<string> Match(Tree tree, string pattern)
    {
        IEnumerable<string> found = [""];
        foreach (var part in pattern.Split('/'))
        {
            found = [.. found.SelectMany(directory => MatchIn(tree, directory, part))];
        }
        return found;
    }

    /// <summary>Whether a file is an archive that ADD extracts: a tar, compressed or not, whose first header is right.</summary>
    public static bool IsTar(Tree tree, string path)
    {
        try
        {
            using var content = LayerCompression.Open(tree.OpenRead(path, follow: true));
            return new TarReader(content).Next() is not null;
        }
        catch (Exception error) when (error is FaultException or InvalidDataException)
        {
            return false; // then it is a file like any other
        }
    }

    public void Dispose()
    {
        _own?.Dispose();
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static IEnumerable<string> MatchIn(Tree tree, string directory, string part)
    {
        if (!Glob.HasWildcard(part))
        {
            var path = TarPath.Join(directory, part);
            return tree.TryStat(path) is null ? [] : [path];
        }
        if (tree.TryStatFollowed(directory) is not { IsDirectory: true })
        {
            return [];
        }
        using var child = tree.OpenTree(directory);
        return [.. child.Names().Where(name => Glob.IsMatch(part, name)).Select(name => TarPath.Join(directory, name))];
    }

    private static async Task VerifyAsync(Tree tree, string file, string url, Digest expected, CancellationToken cancellationToken)
    {
        await using var stream = tree.OpenRead(file);
        using var hash = expected.CreateHash();
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            hash.AppendData(buffer, 0, read);
        }
        var actual = Digest.FromHash(hash.GetHashAndReset());
        if (actual != expected)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"digest mismatch for {url}: {actual} (expected: {expected})");
        }
    }

    private Tree Own()
    {
        if (_own is null)
        {
            Directory.CreateDirectory(directory);
            _own = Tree.Open(directory);
        }
        return _own;
    }
}
