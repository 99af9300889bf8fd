using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Build.Context;

/// <summary>
/// A checksum of files for the layer cache: names, types, permissions, owners, link targets and contents, but no times, so that
/// a fresh checkout of the same files hits the cache.
/// </summary>
internal sealed class ContentChecksum : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _buffer = new byte[128 * 1024];

    public string Finish() => Convert.ToHexStringLower(_hash.GetHashAndReset());

    public void Add(string text) => _hash.AppendData(Encoding.UTF8.GetBytes(text + "\0"));

    /// <summary>Adds a file, what a symbolic link leads to, or a directory with all that is in it.</summary>
    public void Add(Tree tree, string path, CancellationToken cancellationToken)
    {
        if (tree.TryStatFollowed(path) is { IsDirectory: true })
        {
            using var directory = tree.OpenTree(path);
            Add("directory");
            AddDirectory(directory, "", cancellationToken);
        }
        else
        {
            AddOne(tree, path, TarPath.Base(path), tree.TryStatFollowed(path) ?? tree.Stat(path), follow: true);
        }
    }

    public void Dispose() => _hash.Dispose();

    private void AddDirectory(Tree directory, string prefix, CancellationToken cancellationToken, int depth = 0)
    {
        if (depth > TarPath.MaxDepth)
        {
            throw TarPath.TooDeep(prefix);
        }
        foreach (var name in directory.Names())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var path = TarPath.Join(prefix, name);
            AddOne(directory, name, path, directory.Stat(name), follow: false);
            using var child = directory.TryOpenChild(name);
            if (child is not null)
            {
                AddDirectory(child, path, cancellationToken, depth + 1);
            }
        }
    }

    private void AddOne(Tree directory, string name, string shown, TreeStat stat, bool follow)
    {
        Add(string.Create(CultureInfo.InvariantCulture, $"{shown} {stat.Mode:x} {stat.Uid} {stat.Gid} {stat.Device.Major}:{stat.Device.Minor}"));
        if (stat.IsSymlink)
        {
            Add(directory.ReadLink(name));
        }
        else if (stat.IsRegular)
        {
            Add(stat.SizeBytes.ToString(CultureInfo.InvariantCulture));
            using var content = directory.OpenRead(name, follow);
            int read;
            while ((read = content.Read(_buffer)) > 0)
            {
                _hash.AppendData(_buffer, 0, read);
            }
        }
    }
}
