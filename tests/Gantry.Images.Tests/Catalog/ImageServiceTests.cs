using Gantry.Faults;
using Gantry.Oci;

namespace Gantry.Images.Tests.Catalog;

public sealed class ImageServiceTests
{
    [Fact]
    public async Task Resolve_ByNameIdAndPrefix_FindsTheImage()
    {
        await using var root = await ImageRoot.CreateAsync();
        var image = await root.AddImageAsync("app:1", [("a", "1")]);
        foreach (var name in new[] { "app:1", "docker.io/library/app:1", image.Id.Value, image.Id.Hex, image.Id.Short, $"sha256:{image.Id.Short}" })
        {
            Assert.Equal(image.Id, (await root.Images.ResolveAsync(name)).Id);
        }
        var fault = await Assert.ThrowsAsync<FaultException>(() => root.Images.ResolveAsync("app"));
        Assert.Equal((FaultKind.NotFound, "No such image: app:latest"), (fault.Kind, fault.Message));
    }

    [Fact]
    public async Task Remove_OfOneOfTwoNames_OnlyUntags()
    {
        await using var root = await ImageRoot.CreateAsync();
        var image = await root.AddImageAsync("app:1", [("a", "1")]);
        await root.Images.TagAsync("app:1", ImageReference.Parse("app:2"));
        Assert.Equal([new ImageRemoval("app:1", null)], await root.Images.RemoveAsync("app:1"));
        Assert.Equal([new ImageRemoval("app:2", null), new ImageRemoval(null, image.Id)], await root.Images.RemoveAsync("app:2"));
        Assert.Empty(root.Images.Content.List());
        Assert.False(root.Images.Snapshots.Contains(image.ChainId!.Value));
    }

    [Fact]
    public async Task Remove_OfUsedImage_IsDockersConflict()
    {
        await using var root = await ImageRoot.CreateAsync();
        var image = await root.AddImageAsync("app:1", [("a", "1")]);
        root.Images.UsedBy = _ => [new ImageUse("0123456789abcdef", IsRunning: true)];
        var byName = await Assert.ThrowsAsync<FaultException>(() => root.Images.RemoveAsync("app:1"));
        Assert.Equal($"conflict: unable to remove repository reference \"app:1\" (must force) - container 0123456789ab is using its referenced image {image.Id.Short}", byName.Message);
        var byId = await Assert.ThrowsAsync<FaultException>(() => root.Images.RemoveAsync(image.Id.Hex, force: true));
        Assert.Equal((FaultKind.Conflict, $"conflict: unable to delete {image.Id.Short} (cannot be forced) - image is being used by running container 0123456789ab"), (byId.Kind, byId.Message));
        Assert.Equal(["app:1"], (await root.Images.ResolveAsync("app:1")).RepoTags);
    }

    [Fact]
    public async Task Prune_RemovesDanglingImagesAndSparesSnapshots()
    {
        await using var root = await ImageRoot.CreateAsync();
        var old = await root.AddImageAsync("app", [("a", "1")]);
        await root.AddImageAsync("app", [("a", "2")]);
        await root.Images.Snapshots.PrepareAsync("container", old.ChainId);

        Assert.Equal([old.Id], (await root.Images.ListAsync(new ImageFilter { Dangling = true })).Select(image => image.Id));
        var prune = await root.Images.PruneAsync(all: false, new ImageFilter());
        Assert.Equal([new ImageRemoval(null, old.Id)], prune.Removals);
        Assert.True(prune.FreedBytes > 0);
        Assert.True(root.Images.Snapshots.Contains(old.ChainId!.Value));
        await root.Images.Snapshots.RemoveAsync("container");
        await root.Images.CollectGarbageAsync();
        Assert.False(root.Images.Snapshots.Contains(old.ChainId!.Value));
    }

    [Fact]
    public async Task Collect_SparesWhatALeasePins()
    {
        await using var root = await ImageRoot.CreateAsync();
        using (var lease = root.Images.Content.CreateLease())
        {
            await root.Images.Content.PutAsync("pinned"u8.ToArray(), lease);
            Assert.Equal(0, await root.Images.CollectGarbageAsync());
        }
        Assert.Equal(6, await root.Images.CollectGarbageAsync());
    }

    [Fact]
    public async Task List_FiltersByReferenceLabelAndTime()
    {
        await using var root = await ImageRoot.CreateAsync();
        await root.AddImageAsync("one:1", [("a", "1")]);
        await root.AddImageAsync("two:1", [("a", "2")]);
        async Task<string[]> NamesAsync(ImageFilter filter) => [.. (await root.Images.ListAsync(filter)).SelectMany(image => image.RepoTags).Order()];
        Assert.Equal(["one:1", "two:1"], await NamesAsync(new ImageFilter()));
        Assert.Equal(["one:1"], await NamesAsync(new ImageFilter { References = ["o*"] }));
        Assert.Equal(["two:1"], await NamesAsync(new ImageFilter { References = ["two:1", "x"] }));
        Assert.Empty(await NamesAsync(new ImageFilter { Labels = ["a=b"] }));
    }

    [Fact]
    public async Task Open_AfterACrash_RemovesLeftoversAndKeepsTheRest()
    {
        await using var root = await ImageRoot.CreateAsync();
        var image = await root.AddImageAsync("app", [("a", "1")]);
        var kept = await root.Images.Snapshots.PrepareAsync("kept", image.ChainId);
        // What a kill leaves at any point: a half-written blob, a layer without record, a layer being unpacked, a mount.
        File.WriteAllText(Path.Combine(root.Path, "ingest", "half"), "x");
        Directory.CreateDirectory(Path.Combine(root.Path, "snapshots", "l", "ff", "etc"));
        var temporary = Directory.CreateDirectory(Path.Combine(root.Path, "snapshots", "tmp", "t")).FullName;
        Directory.CreateDirectory(Path.Combine(temporary, "merged"));
        kept.Mount(Path.Combine(temporary, "merged"));

        await root.ReopenAsync();
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(root.Path, "ingest")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(root.Path, "snapshots", "tmp")));
        Assert.False(Directory.Exists(Path.Combine(root.Path, "snapshots", "l", "ff")));
        Assert.Equal("1", File.ReadAllText($"{root.Images.Snapshots.TryGet("kept")!.Mount()}/a"));
        Assert.Equal(image.Id, (await root.Images.ResolveAsync("app")).Id);
    }

    [Fact]
    public async Task Saved_LoadedElsewhere_IsTheSameImage()
    {
        await using var root = await ImageRoot.CreateAsync();
        await using var other = await ImageRoot.CreateAsync();
        var image = await root.AddImageAsync("app:1", [("a", "1")], [("b", "2")]);
        var archive = new MemoryStream();
        await root.Images.SaveAsync(["app:1"], archive);
        archive.Position = 0;
        var loaded = Assert.Single(await other.Images.LoadAsync(archive));
        Assert.Equal((image.Id, "app:1"), (loaded.Id, loaded.RepoTags[0]));
        Assert.Equal(image.ChainId, loaded.ChainId);

        var fault = await Assert.ThrowsAsync<FaultException>(() => other.Images.LoadAsync(new MemoryStream(ImageRoot.Tar(writer => writer.WriteFile("x", [])))));
        Assert.Equal(FaultKind.InvalidArgument, fault.Kind);
    }

    [Fact]
    public async Task Import_MakesAnImageOfOneLayer()
    {
        await using var root = await ImageRoot.CreateAsync();
        var image = await root.Images.ImportAsync(
            new MemoryStream(ImageRoot.Tar(writer => writer.WriteFile("etc/x", "1"u8.ToArray()))), new ContainerConfig { Cmd = ["x"] }, "imported", [ImageReference.Parse("i")]);
        Assert.Equal((1L, "i:latest"), (image.SizeBytes, image.RepoTags[0]));
        var history = Assert.Single(await root.Images.GetHistoryAsync("i"));
        Assert.Equal((image.Id, "imported", 1L), (history.Id, history.Comment, history.SizeBytes));
    }

    [Fact]
    public async Task Bootstrap_OfBusybox_MakesAWorkingRoot()
    {
        await using var root = await ImageRoot.CreateAsync();
        var image = await new Bootstrap.ImageBootstrap(root.Images).MakeAsync(ImageReference.Parse("busybox"), _ => { });
        Assert.Equal(["busybox:latest"], image.RepoTags);
        var path = (await root.Images.Snapshots.PrepareAsync("c", image.ChainId)).Mount();
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("chroot", [path, "/bin/sh", "-c", "echo $(id -un)"]) { RedirectStandardOutput = true })!;
        Assert.Equal("root\n", await process.StandardOutput.ReadToEndAsync());
    }
}
