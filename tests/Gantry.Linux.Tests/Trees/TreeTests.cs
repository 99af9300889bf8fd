using System.Diagnostics;
using Gantry.Faults;
using Gantry.Linux.Trees;

namespace Gantry.Linux.Tests.Trees;

public sealed class TreeTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("gantry-tree-test-");
    private readonly Tree _tree;

    public TreeTests() => _tree = Tree.Open(_directory.FullName);

    public void Dispose()
    {
        _tree.Dispose();
        using var parent = Tree.Open(Path.GetDirectoryName(_directory.FullName)!);
        parent.Remove(_directory.Name);
    }

    [Fact]
    public void Names_ThatAreNotUtf8_AreKept()
    {
        Shell("touch \"$(printf 'caf\\351')\" 'ünï' plain");
        var names = _tree.Names();
        Assert.Equal(new[] { "caf\udce9", "plain", "ünï" }.Order(StringComparer.Ordinal), names);
        Assert.All(names, name => Assert.True(_tree.Stat(name).IsRegular));
        _tree.Remove("caf\udce9");
        Assert.Equal(2, _tree.Names().Count);
    }

    [Fact]
    public void PathText_OfAnyBytes_RoundTrips()
    {
        var random = new Random(5);
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[random.Next(1, 12)];
            random.NextBytes(bytes);
            Assert.Equal(bytes, PathText.Encode(PathText.Decode(bytes)));
        }
        Assert.Equal("äöü€😀", PathText.Decode(PathText.Encode("äöü€😀")));
    }

    [Fact]
    public void Remove_OfTreeDeeperThanAPath_RemovesIt()
    {
        _tree.CreateDirectory("top", 0x1ed);
        var at = _tree.OpenTree("top");
        for (var i = 0; i < 5000; i++)
        {
            at.CreateFile("f").Dispose();
            at.CreateDirectory("d", 0x1ed);
            var below = at.OpenTree("d");
            at.Dispose();
            at = below;
        }
        at.Dispose();
        _tree.Remove("top");
        Assert.Empty(_tree.Names());
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("up/x")]
    [InlineData("absolute/x")]
    public void Beneath_RefusesPathsThatLeave(string path)
    {
        _tree.CreateSymlink("up", "..");
        _tree.CreateSymlink("absolute", "/tmp");
        Assert.Equal(FaultKind.InvalidArgument, Assert.Throws<FaultException>(() => _tree.CreateFile(path)).Kind);
        Assert.Equal(FaultKind.InvalidArgument, Assert.Throws<FaultException>(() => _tree.Stat(path)).Kind);
    }

    [Fact]
    public void InRoot_TakesAbsoluteLinksFromTheRoot()
    {
        _tree.CreateDirectory("real", 0x1ed);
        _tree.CreateSymlink("link", "/real");
        _tree.CreateSymlink("up", "../../../real");
        using var rooted = Tree.Open(_directory.FullName, TreeResolve.InRoot);
        rooted.CreateFile("link/a").Dispose();
        rooted.CreateFile("up/b").Dispose();
        Assert.Equal(["a", "b"], rooted.OpenTree("real").Names());
        Assert.Equal(Path.Combine(_directory.FullName, "real"), rooted.ResolveHostPath("link"));
    }

    [Fact]
    public void CreateDirectories_ReturnsWhatItMade()
    {
        _tree.CreateDirectory("a", 0x1c0);
        Assert.Equal(["a/b", "a/b/c"], _tree.CreateDirectories("a/b/c", 0x1ed));
        Assert.Equal(0x1c0u, _tree.Stat("a").Permissions);
        Assert.Equal(0x1edu, _tree.Stat("a/b").Permissions);
    }

    [Fact]
    public void Stat_AgreesWithTheSystem()
    {
        Shell("mkfifo -m 640 p; touch -d @1234.5 p; chown 12:34 p; mknod n c 5 300");
        var stat = _tree.Stat("p");
        Assert.True(stat.IsFifo);
        Assert.Equal((0x1a0u, 12u, 34u, new TreeTime(1234, 500_000_000)), (stat.Permissions, stat.Uid, stat.Gid, stat.Modified));
        Assert.Equal(new TreeDevice(5, 300), _tree.Stat("n").Device);
        Assert.Null(_tree.TryStat("absent"));
        Assert.Null(_tree.TryStat("absent/deeper"));
    }

    private void Shell(string script)
    {
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", script]) { WorkingDirectory = _directory.FullName })!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
