using Gantry.Faults;
using Gantry.Oci;

namespace Gantry.Images.Tests.Snapshots;

public sealed class SnapshotStoreTests
{
    [Fact]
    public async Task Snapshot_OfTwoLayers_ShowsBothAndKeepsThemUnchanged()
    {
        await using var root = await ImageRoot.CreateAsync();
        var image = await root.AddImageAsync("app", [("etc/a", "one"), ("etc/b", "one")], [("etc/b", "two")]);

        var mount = await root.Images.Snapshots.PrepareAsync("c1", image.ChainId);
        var path = mount.Mount();
        Assert.Equal("one", File.ReadAllText($"{path}/etc/a"));
        Assert.Equal("two", File.ReadAllText($"{path}/etc/b"));
        Assert.True(Directory.Exists($"{path}/proc"));
        File.WriteAllText($"{path}/etc/a", "mine");
        File.Delete($"{path}/etc/b");
        mount.Unmount();

        var second = await root.Images.Snapshots.PrepareAsync("c2", image.ChainId);
        Assert.Equal("one", File.ReadAllText($"{second.Mount()}/etc/a"));
    }

    [Fact]
    public async Task Commit_OfChanges_MakesALayerThatReopensTheSame()
    {
        await using var root = await ImageRoot.CreateAsync();
        var image = await root.AddImageAsync("app", [("etc/a", "one"), ("etc/b", "one"), ("gone/x", "x")]);
        var mount = await root.Images.Snapshots.PrepareAsync("c1", image.ChainId);
        var path = mount.Mount();
        File.WriteAllText($"{path}/etc/a", "mine");
        File.Delete($"{path}/etc/b");
        Directory.Delete($"{path}/gone", recursive: true);
        Directory.CreateDirectory($"{path}/gone");
        File.WriteAllText($"{path}/gone/y", "y");
        mount.Unmount();

        var made = await root.Images.CommitAsync("c1", image, config => config, new HistoryEntry { CreatedBy = "test" }, [ImageReference.Parse("app:2")]);
        await root.Images.Snapshots.RemoveAsync("c1");
        await root.ReopenAsync();

        var again = await root.Images.ResolveAsync("app:2");
        Assert.Equal(made.Id, again.Id);
        var view = (await root.Images.Snapshots.PrepareAsync("v", again.ChainId)).Mount();
        Assert.Equal("mine", File.ReadAllText($"{view}/etc/a"));
        Assert.False(File.Exists($"{view}/etc/b"));
        Assert.Equal([$"{view}/gone/y"], Directory.GetFiles($"{view}/gone"));
    }

    [Fact]
    public async Task Snapshot_OfHundredAndTwentyLayers_Mounts()
    {
        await using var root = await ImageRoot.CreateAsync();
        var layers = Enumerable.Range(0, 120).Select(i => new[] { ($"f{i}", $"{i}") }).ToArray();
        var image = await root.AddImageAsync("deep", layers);
        var path = (await root.Images.Snapshots.PrepareAsync("c1", image.ChainId)).Mount();
        Assert.Equal("0", File.ReadAllText($"{path}/f0"));
        Assert.Equal("119", File.ReadAllText($"{path}/f119"));
    }

    [Fact]
    public async Task Prepare_OfTakenKey_IsAlreadyExists()
    {
        await using var root = await ImageRoot.CreateAsync();
        await root.Images.Snapshots.PrepareAsync("c1", null);
        var fault = await Assert.ThrowsAsync<FaultException>(() => root.Images.Snapshots.PrepareAsync("c1", null));
        Assert.Equal(FaultKind.AlreadyExists, fault.Kind);
    }
}
