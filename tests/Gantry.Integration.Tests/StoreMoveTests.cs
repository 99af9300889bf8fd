using Gantry.Store.Etcd.Tests;

namespace Gantry.Integration.Tests;

/// <summary>A running cluster moves to etcd and back; the past is there for the command line.</summary>
public sealed class StoreMoveTests(GantryInstance gantry, EtcdServer etcd) : IClassFixture<GantryInstance>, IClassFixture<EtcdServer>
{
    [Fact]
    public async Task Migrate_ToEtcdAndBackWhileObjectsAreMade_LosesNothingAcknowledged()
    {
        await gantry.KubectlOutputAsync("create", "deployment", "web", "--image=busybox", "--replicas=2", "--", "sleep", "1000000");
        await gantry.KubectlOutputAsync("rollout", "status", "deployment/web", "--timeout=60s");
        var before = await ContainersAsync();
        var acknowledged = new List<string>();
        using var stop = new CancellationTokenSource();
        var writer = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                if ((await gantry.KubectlAsync("create", "configmap", $"object-{i}", "--from-literal=a=b")).Code == 0)
                {
                    acknowledged.Add($"object-{i}");
                }
            }
        });

        var (authority, certificate, key) = etcd.ClientFiles;
        var moved = await gantry.GantryAsync(
            "store", "migrate", "--to", "etcd", "--etcd-endpoints", etcd.Address.GetLeftPart(UriPartial.Authority), "--etcd-ca", authority, "--etcd-cert", certificate, "--etcd-key", key);
        Assert.True(moved.Code == 0, moved.All);
        Assert.Contains("etcd, ", await OutputAsync("store", "status"), StringComparison.Ordinal);

        // The new place is kept beside the root: a start after a kill needs no settings for it.
        await Task.Delay(300);
        await gantry.KillAsync();
        await gantry.UpAsync();
        Assert.Contains("etcd, ", await OutputAsync("store", "status"), StringComparison.Ordinal);
        await gantry.KubectlOutputAsync("scale", "deployment", "web", "--replicas=3");
        await gantry.KubectlOutputAsync("rollout", "status", "deployment/web", "--timeout=60s");

        var back = await gantry.GantryAsync("store", "migrate", "--to", "sqlite");
        Assert.True(back.Code == 0, back.All);
        await stop.CancelAsync();
        await writer;

        Assert.Contains("sqlite, ", await OutputAsync("store", "status"), StringComparison.Ordinal);
        var present = (await gantry.KubectlOutputAsync("get", "configmaps", "-o", "name")).Split('\n').Select(line => line["configmap/".Length..]).ToHashSet(StringComparer.Ordinal);
        Assert.NotEmpty(acknowledged);
        Assert.All(acknowledged, name => Assert.Contains(name, present));
        Assert.Subset((await ContainersAsync()).ToHashSet(), before.ToHashSet());
        await gantry.KubectlOutputAsync("scale", "deployment", "web", "--replicas=1");
        await gantry.KubectlOutputAsync("rollout", "status", "deployment/web", "--timeout=60s");
    }

    [Fact]
    public async Task History_OfAnObject_IsShownAndUndoneByTheCommandLine()
    {
        await gantry.KubectlOutputAsync("create", "configmap", "settings", "--from-literal=color=red");
        await OutputAsync("snapshot", "create", "red");
        await gantry.KubectlOutputAsync("patch", "configmap", "settings", "-p", """{"data":{"color":"blue"}}""");

        Assert.Contains("data.color: red -> blue", await OutputAsync("history", "cm/settings"), StringComparison.Ordinal);
        Assert.Contains("color: red", await OutputAsync("get", "cm/settings", "--at", "red", "-o", "yaml"), StringComparison.Ordinal);
        Assert.Contains("data.color: red -> blue", await OutputAsync("diff", "cm/settings", "--from", "red"), StringComparison.Ordinal);
        await OutputAsync("undo", "cm/settings");
        Assert.Equal("red", await gantry.KubectlOutputAsync("get", "configmap", "settings", "-o", "jsonpath={.data.color}"));

        await gantry.KubectlOutputAsync("delete", "configmap", "settings");
        await OutputAsync("snapshot", "restore", "red");
        Assert.Equal("red", await gantry.KubectlOutputAsync("get", "configmap", "settings", "-o", "jsonpath={.data.color}"));
        var fork = Path.Combine(gantry.Root, "fork");
        Assert.Contains("keys of revision", await OutputAsync("snapshot", "fork", "red", "--into", fork), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(fork, "cluster.db")));
        await OutputAsync("snapshot", "delete", "red");

        var refused = await gantry.GantryAsync("undo", "cm/nothing");
        Assert.Equal(1, refused.Code);
        Assert.Contains("no version since", refused.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backup_RestoredAfterChanges_BringsTheClusterBack()
    {
        await gantry.KubectlOutputAsync("create", "configmap", "kept", "--from-literal=a=b");
        var backup = Path.Combine(gantry.Root, "backup.db");
        await OutputAsync("store", "backup", backup);
        Assert.Contains("as it should be", await OutputAsync("store", "check"), StringComparison.Ordinal);
        await gantry.KubectlOutputAsync("delete", "configmap", "kept");
        Assert.Equal(1, (await gantry.GantryAsync("store", "restore", backup)).Code);

        await OutputAsync("down");
        await OutputAsync("store", "restore", backup);
        await gantry.UpAsync();

        Assert.Equal("b", await gantry.KubectlOutputAsync("get", "configmap", "kept", "-o", "jsonpath={.data.a}"));
        Assert.Contains("created", await OutputAsync("history", "cm/kept"), StringComparison.Ordinal);
    }

    private async Task<string> OutputAsync(params string[] arguments)
    {
        var result = await gantry.GantryAsync(arguments);
        Assert.True(result.Code == 0, result.All);
        return result.All;
    }

    private async Task<string[]> ContainersAsync() => (await gantry.DockerOutputAsync("ps", "--no-trunc", "-q")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
