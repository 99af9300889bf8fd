using Gantry.Faults;
using Gantry.Oci;

namespace Gantry.Build.Tests.Execution;

public sealed class ImageBuilderTests
{
    [Fact]
    public async Task Build_OfAllInstructions_MakesTheImageTheyDescribe()
    {
        await using var root = await BuildRoot.CreateAsync();
        var image = await root.BuildAsync(
            """
            # syntax=docker/dockerfile:1
            ARG BASE=base
            FROM ${BASE} AS one
            ARG WHO=nobody
            ENV GREETING="hello ${WHO}" OTHER=x
            LABEL a=b "c d"='e f'
            WORKDIR /srv/app
            COPY --chown=app:staff file.txt dir/ ./
            RUN echo "$GREETING $WHO" > out && \
                # a comment between
                cat file.txt >> out
            EXPOSE 80 53/udp
            VOLUME /data
            USER app
            HEALTHCHECK --interval=1m30s --retries=2 CMD ["true"]
            STOPSIGNAL SIGINT
            ENTRYPOINT ["cat"]
            CMD ["out"]
            """,
            request => request with
            {
                Tags = [ImageReference.Parse("app:1"), ImageReference.Parse("localhost:5000/app")],
                BuildArgs = new Dictionary<string, string?> { ["WHO"] = "world" },
            },
            ("file.txt", "content"), ("dir/", ""), ("dir/inner", "inner"));

        Assert.Equal("hello world world\ncontent", await root.ReadAsync(image, "srv/app/out"));
        using (var tree = await root.ViewAsync(image))
        {
            Assert.Equal((123u, 50u), (tree.Stat("srv/app/inner").Uid, tree.Stat("srv/app/inner").Gid));
        }
        var run = image.RunConfig;
        Assert.Equal(["PATH=/bin", "GREETING=hello world", "OTHER=x"], run.Env);
        Assert.Equal("/srv/app", run.WorkingDir);
        Assert.Equal(["53/udp", "80/tcp"], run.ExposedPorts!.Keys.Order());
        Assert.Equal("e f", run.Labels!["c d"]);
        Assert.Equal(90_000_000_000, run.Healthcheck!.Interval);
        Assert.Equal(["cat"], run.Entrypoint);
        Assert.Equal(["out"], run.Cmd);
        Assert.Equal("app", run.User);
        Assert.Equal(["app:1", "localhost:5000/app:latest"], image.RepoTags);
        Assert.Contains("Step 1/14 : FROM ${BASE} AS one\n", root.Output);
        Assert.EndsWith($"Successfully built {image.Id.Short}\nSuccessfully tagged app:1\nSuccessfully tagged localhost:5000/app:latest\n", root.Output);
    }

    [Fact]
    public async Task Build_TwiceAcrossARestart_UsesTheCacheAndGivesTheSameImage()
    {
        await using var root = await BuildRoot.CreateAsync();
        const string dockerfile = "FROM base\nCOPY a /a\nRUN cat /a > /b\nENV X=1\n";
        var first = await root.BuildAsync(dockerfile, null, ("a", "1"));
        await root.ReopenAsync();

        var second = await root.BuildAsync(dockerfile, null, ("a", "1"));
        Assert.Equal(first.Id, second.Id);
        Assert.Equal(3, root.Output.Split("Using cache").Length - 1);
        Assert.Single(root.Executor.Commands);

        var changed = await root.BuildAsync(dockerfile, null, ("a", "2"));
        Assert.NotEqual(first.Id, changed.Id);
        Assert.Equal("2", await root.ReadAsync(changed, "b"));

        await root.BuildAsync(dockerfile, request => request with { NoCache = true }, ("a", "2"));
        Assert.DoesNotContain("Using cache", root.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Copy_OfEqualFiles_GivesEqualLayers()
    {
        await using var root = await BuildRoot.CreateAsync();
        const string dockerfile = "FROM base\nCOPY d /etc/deep/er/\n";
        var first = await root.BuildAsync(dockerfile, request => request with { NoCache = true }, ("d/", ""), ("d/a", "1"));
        var second = await root.BuildAsync(dockerfile, request => request with { NoCache = true }, ("d/", ""), ("d/a", "1"));
        Assert.Equal(first.ChainId, second.ChainId);
    }

    [Fact]
    public async Task Stages_BuildOnlyWhatTheTargetNeeds()
    {
        await using var root = await BuildRoot.CreateAsync();
        const string dockerfile = """
            FROM base AS build
            RUN echo made > /made
            FROM base AS broken
            RUN exit 7
            FROM scratch
            COPY --from=build /made /m/
            COPY --from=0 /etc/passwd /p
            """;
        var image = await root.BuildAsync(dockerfile);
        Assert.Equal("made\n", await root.ReadAsync(image, "m/made"));
        Assert.StartsWith("root:", await root.ReadAsync(image, "p"), StringComparison.Ordinal);
        Assert.Equal(2, image.Config.RootFs.DiffIds.Count);

        var failed = await Assert.ThrowsAsync<RunFailedException>(() => root.BuildAsync(dockerfile, request => request with { Target = "broken" }));
        Assert.Equal(7, failed.ExitCode);
        Assert.Equal("The command '/bin/sh -c exit 7' returned a non-zero code: 7", failed.Message);
    }

    [Fact]
    public async Task Copy_OfMissingFile_IsDockersErrorAndLeavesNothing()
    {
        await using var root = await BuildRoot.CreateAsync();
        var fault = await Assert.ThrowsAsync<FaultException>(() => root.BuildAsync("FROM base\nCOPY missing.txt /\n"));
        Assert.Equal("COPY failed: file not found in build context or excluded by .dockerignore: stat missing.txt: file does not exist", fault.Message);
        Assert.Empty(root.Images.Snapshots.ListKeys());
    }

    [Fact]
    public async Task Copy_RespectsDockerignoreAndWildcards()
    {
        await using var root = await BuildRoot.CreateAsync();
        var image = await root.BuildAsync(
            "FROM base\nCOPY . /all/\nCOPY *.txt /txt/\n", null,
            (".dockerignore", "*.log\n!keep.log\nsub/**/secret\n"), ("a.txt", "a"), ("b.txt", "b"), ("x.log", "x"), ("keep.log", "k"),
            ("sub/", ""), ("sub/deep/", ""), ("sub/deep/secret", "s"), ("sub/deep/open", "o"));
        using var tree = await root.ViewAsync(image);
        Assert.Null(tree.TryStat("all/x.log"));
        Assert.NotNull(tree.TryStat("all/keep.log"));
        Assert.Null(tree.TryStat("all/sub/deep/secret"));
        Assert.NotNull(tree.TryStat("all/sub/deep/open"));
        Assert.NotNull(tree.TryStat("txt/b.txt"));
        Assert.Equal(0u, tree.Stat("all/a.txt").Uid);
    }

    [Fact]
    public async Task Copy_ThroughASymlinkOfTheImage_StaysInTheImage()
    {
        await using var root = await BuildRoot.CreateAsync();
        var outside = Directory.CreateTempSubdirectory("gantry-outside-");
        try
        {
            var image = await root.BuildAsync($"FROM base\nRUN mkdir -p {outside.FullName} && cd / && busybox ln -s ../../../..{outside.FullName} /link\nCOPY a /link/a\n", null, ("a", "1"));
            Assert.Empty(outside.EnumerateFileSystemInfos());
            Assert.Equal("1", await root.ReadAsync(image, outside.FullName.TrimStart('/') + "/a"));
        }
        finally
        {
            outside.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Run_WithMounts_SeesThemAndLeavesNoTrace()
    {
        await using var root = await BuildRoot.CreateAsync();
        const string dockerfile = """
            FROM base
            RUN --mount=type=cache,target=/cache --mount=type=bind,source=in,target=/mnt/in --mount=type=tmpfs,target=/scratch \
                cat /mnt/in/f > /out; echo $(ls /cache) >> /out; touch /cache/one /scratch/x
            """;
        await root.BuildAsync(dockerfile, null, ("in/", ""), ("in/f", "f1\n"));
        var image = await root.BuildAsync(dockerfile, request => request with { NoCache = true }, ("in/", ""), ("in/f", "f1\n"));
        Assert.Equal("f1\none\n", await root.ReadAsync(image, "out"));
        using var tree = await root.ViewAsync(image);
        Assert.Null(tree.TryStat("cache"));
        Assert.Null(tree.TryStat("mnt"));
        Assert.Null(tree.TryStat("scratch"));
    }

    [Fact]
    public async Task Heredocs_RunAndCopy()
    {
        await using var root = await BuildRoot.CreateAsync();
        var image = await root.BuildAsync(
            """
            FROM base
            ENV NAME=value
            RUN <<EOF
            echo one > /r
            echo $NAME >> /r
            EOF
            RUN <<'PROGRAM'
            #!/bin/sh
            echo script > /s
            PROGRAM
            COPY <<FILE <<"RAW" /etc/conf/
            name=$NAME
            FILE
            name=$NAME
            RAW
            """);
        Assert.Equal("one\nvalue\n", await root.ReadAsync(image, "r"));
        Assert.Equal("script\n", await root.ReadAsync(image, "s"));
        Assert.Equal("name=value\n", await root.ReadAsync(image, "etc/conf/FILE"));
        Assert.Equal("name=$NAME\n", await root.ReadAsync(image, "etc/conf/RAW"));
    }

    [Fact]
    public async Task OnBuild_RunsInTheChild()
    {
        await using var root = await BuildRoot.CreateAsync();
        await root.BuildAsync("FROM base\nONBUILD COPY a /copied\nONBUILD RUN echo $(cat /copied)! > /ran\n", request => request with { Tags = [ImageReference.Parse("parent")] });
        var image = await root.BuildAsync("FROM parent\n", null, ("a", "x"));
        Assert.Equal("x!\n", await root.ReadAsync(image, "ran"));
        Assert.Contains("# Executing 2 build triggers\n", root.Output);
        Assert.Null(image.RunConfig.OnBuild);
    }

    [Fact]
    public async Task Add_ExtractsLocalArchives()
    {
        await using var root = await BuildRoot.CreateAsync();
        var inner = System.Text.Encoding.Latin1.GetString(BuildRoot.Tar(writer => writer.WriteFile("x/y", "z"u8.ToArray())));
        var image = await root.BuildAsync("FROM base\nADD in.tar /to/\nADD plain /to/\n", null, ("in.tar", inner), ("plain", "p"));
        Assert.Equal("z", await root.ReadAsync(image, "to/x/y"));
        Assert.Equal("p", await root.ReadAsync(image, "to/plain"));
    }

    [Fact]
    public async Task Add_OfAnArchiveWithLinks_StaysInTheImage()
    {
        await using var root = await BuildRoot.CreateAsync();
        var archive = System.Text.Encoding.Latin1.GetString(BuildRoot.Tar(writer =>
        {
            writer.WriteFile("run/a", "1"u8.ToArray());
            writer.Write(new Images.Tar.TarEntry { Name = "out", Type = Images.Tar.TarEntryType.Symlink, LinkName = "/../../tmp/escape" });
            writer.WriteFile("hard-source", "2"u8.ToArray());
            writer.Write(new Images.Tar.TarEntry { Name = "hard", Type = Images.Tar.TarEntryType.HardLink, LinkName = "hard-source" });
        }));
        var image = await root.BuildAsync(
            "FROM base\nRUN mkdir -p /run /var && busybox ln -s /run /var/run\nADD in.tar /var/\n", null, ("in.tar", archive));
        Assert.Equal("1", await root.ReadAsync(image, "run/a"));
        Assert.Equal("2", await root.ReadAsync(image, "var/hard"));
    }

    [Fact]
    public async Task Copy_OfALinkOutOfTheContext_DoesNotReadTheHost()
    {
        await using var root = await BuildRoot.CreateAsync();
        var context = BuildRoot.Tar(writer =>
        {
            writer.WriteFile("Dockerfile", "FROM base\nCOPY link /x\n"u8.ToArray());
            writer.Write(new Images.Tar.TarEntry { Name = "link", Type = Images.Tar.TarEntryType.Symlink, LinkName = "/../../../etc/hostname" });
        });
        var fault = await Assert.ThrowsAsync<FaultException>(() => root.Builder.BuildAsync(new BuildRequest { Context = new MemoryStream(context) }));
        Assert.StartsWith("COPY failed: file not found in build context", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Context_ThatClimbsOut_IsRefused()
    {
        await using var root = await BuildRoot.CreateAsync();
        var context = BuildRoot.Tar(writer =>
        {
            writer.WriteFile("Dockerfile", "FROM base\n"u8.ToArray());
            writer.WriteFile("../../escape", "x"u8.ToArray());
        });
        var fault = await Assert.ThrowsAsync<FaultException>(() => root.Builder.BuildAsync(new BuildRequest { Context = new MemoryStream(context) }));
        Assert.Equal("tar entry \"../../escape\" climbs out of its root", fault.Message);
        fault = await Assert.ThrowsAsync<FaultException>(() => root.Builder.BuildAsync(new BuildRequest { Context = new MemoryStream(context[..700]) }));
        Assert.Equal(FaultKind.DataLoss, fault.Kind);
    }

    [Fact]
    public async Task Builds_AtTheSameTime_GiveEqualImagesAndLeaveNothing()
    {
        await using var root = await BuildRoot.CreateAsync();
        var images = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => root.BuildAsync(
            "FROM base\nCOPY a /a\nRUN cat /a > /b\n", request => request with { Tags = [ImageReference.Parse($"t{i}")], Output = _ => { } }, ("a", "1"))));
        Assert.All(images, image => Assert.Equal(2, image.Config.RootFs.DiffIds.Count - 1));
        Assert.Empty(root.Images.Snapshots.ListKeys());
        Assert.Equal("1", await root.ReadAsync(await root.Images.ResolveAsync("t3"), "b"));
    }
}
