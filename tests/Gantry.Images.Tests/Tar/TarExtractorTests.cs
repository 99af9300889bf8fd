using Gantry.Faults;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Images.Tests.Tar;

public sealed class TarExtractorTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("gantry-extract-test-");
    private readonly string _root;
    private readonly string _outside;

    public TarExtractorTests()
    {
        _root = _directory.CreateSubdirectory("root").FullName;
        _outside = _directory.CreateSubdirectory("outside").FullName;
        File.WriteAllText(Path.Combine(_outside, "secret"), "untouched");
    }

    public void Dispose()
    {
        using var parent = Tree.Open(Path.GetDirectoryName(_directory.FullName)!);
        parent.Remove(_directory.Name);
    }

    [Theory]
    [InlineData("../outside/secret")]
    [InlineData("a/../../outside/secret")]
    [InlineData("/../outside/secret")]
    public void Entry_ThatClimbsOut_IsRefused(string name)
    {
        var fault = Assert.Throws<FaultException>(() => Extract(writer => writer.WriteFile(name, "evil"u8.ToArray())));
        Assert.Equal(FaultKind.InvalidArgument, fault.Kind);
        Assert.Equal("untouched", File.ReadAllText(Path.Combine(_outside, "secret")));
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("{outside}")]
    [InlineData("/")]
    public void Entry_ThroughASymlinkOut_IsRefused(string target)
    {
        var link = target.Replace("{outside}", _outside, StringComparison.Ordinal);
        var fault = Assert.Throws<FaultException>(() => Extract(writer =>
        {
            Symlink(writer, "link", link);
            writer.WriteFile("link/secret", "evil"u8.ToArray());
        }));
        Assert.Equal(FaultKind.InvalidArgument, fault.Kind);
        Assert.Equal(["secret"], Directory.GetFiles(_outside).Select(Path.GetFileName));
        Assert.Equal("untouched", File.ReadAllText(Path.Combine(_outside, "secret")));
    }

    [Fact]
    public void Entry_OverASymlink_ReplacesTheLink()
    {
        Extract(writer =>
        {
            Symlink(writer, "secret", Path.Combine(_outside, "secret"));
            writer.WriteFile("secret", "new"u8.ToArray());
        });
        Assert.Equal("untouched", File.ReadAllText(Path.Combine(_outside, "secret")));
        Assert.Equal("new", File.ReadAllText(Path.Combine(_root, "secret")));
    }

    [Theory]
    [InlineData("../outside/secret")]
    [InlineData("link/secret")]
    public void HardLink_ToAFileOutside_IsRefused(string target)
    {
        Assert.Throws<FaultException>(() => Extract(writer =>
        {
            Symlink(writer, "link", "../outside");
            writer.Write(new TarEntry { Name = "hard", Type = TarEntryType.HardLink, LinkName = target });
        }));
        Assert.False(File.Exists(Path.Combine(_root, "hard")));
    }

    [Fact]
    public void Directory_OverASymlinkOut_DoesNotFollowIt()
    {
        Extract(writer =>
        {
            Symlink(writer, "d", "../outside");
            writer.Write(new TarEntry { Name = "d/", Type = TarEntryType.Directory, Permissions = 0x1c0 });
            writer.WriteFile("d/f", "x"u8.ToArray());
        });
        Assert.True(File.Exists(Path.Combine(_root, "d", "f")));
        Assert.False(File.Exists(Path.Combine(_outside, "f")));
    }

    [Fact]
    public void Metadata_IsSet()
    {
        Extract(writer =>
        {
            writer.Write(new TarEntry { Name = "d/", Type = TarEntryType.Directory, Permissions = 0x3ff, Uid = 5, Gid = 6, Modified = new(1000, 0) });
            writer.Write(new TarEntry { Name = "d/suid", Type = TarEntryType.Regular, Permissions = 0x9ed, Uid = 7, Gid = 8, Modified = new(2000, 0) });
            writer.Write(new TarEntry { Name = "d/hard", Type = TarEntryType.HardLink, LinkName = "d/suid" });
            writer.Write(new TarEntry { Name = "n", Type = TarEntryType.CharacterDevice, Permissions = 0x1b6, Device = new(1, 3) });
            writer.Write(new TarEntry
            {
                Name = "x",
                Type = TarEntryType.Regular,
                Xattrs = [new("user.mine", [1, 0, 2]), new("trusted.overlay.opaque", [(byte)'y'])],
            });
        });
        using var tree = Tree.Open(_root);
        Assert.Equal((0x3ffu, 5u, 6u, 1000L), (tree.Stat("d").Permissions, tree.Stat("d").Uid, tree.Stat("d").Gid, tree.Stat("d").Modified.Seconds));
        Assert.Equal((0x9edu, 7u, 2u, 2000L), (tree.Stat("d/suid").Permissions, tree.Stat("d/suid").Uid, tree.Stat("d/suid").Links, tree.Stat("d/hard").Modified.Seconds));
        Assert.Equal(new TreeDevice(1, 3), tree.Stat("n").Device);
        Assert.Equal([1, 0, 2], tree.TryGetXattr("x", "user.mine"));
        Assert.Null(tree.TryGetXattr("x", "trusted.overlay.opaque"));
    }

    [Fact]
    public void Whiteouts_BecomeOverlayMarkers()
    {
        Extract(
            writer =>
            {
                writer.WriteFile("d/.wh.gone", []);
                writer.WriteFile("o/.wh..wh..opq", []);
                writer.WriteFile("o/new", []);
                writer.WriteFile(".wh..wh.plnk", []);
                writer.WriteFile(".wh.both", []);
                writer.Write(new TarEntry { Name = "both/", Type = TarEntryType.Directory, Permissions = 0x1ed });
            },
            new TarExtractOptions { Whiteouts = true });
        using var tree = Tree.Open(_root);
        Assert.True(tree.Stat("d/gone").IsWhiteout);
        Assert.Equal("y"u8.ToArray(), tree.TryGetXattr("o", "trusted.overlay.opaque"));
        Assert.Equal("y"u8.ToArray(), tree.TryGetXattr("both", "trusted.overlay.opaque"));
        Assert.Equal(["both", "d", "o"], tree.Names());
    }

    [Theory]
    [InlineData(".wh.")]
    [InlineData("d/.wh..")]
    [InlineData("d/.wh...")]
    public void Whiteout_OfNothingOrAbove_IsRefused(string name) =>
        Assert.Throws<FaultException>(() => Extract(writer => writer.WriteFile(name, []), new TarExtractOptions { Whiteouts = true }));

    private static void Symlink(TarWriter writer, string name, string target) =>
        writer.Write(new TarEntry { Name = name, Type = TarEntryType.Symlink, LinkName = target });

    private void Extract(Action<TarWriter> write, TarExtractOptions? options = null)
    {
        using var tree = Tree.Open(_root);
        new TarExtractor(tree, options ?? new TarExtractOptions()).Extract(new TarReader(new MemoryStream(ImageRoot.Tar(write))));
    }
}
