using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Apps.V1;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Model.Discovery.V1;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gantry.Kube.Controllers.Tests;

public sealed class ControllerTests : IAsyncLifetime
{
    private ApiInProcess _api = null!;
    private ControllerSet _controllers = null!;

    public async Task InitializeAsync()
    {
        _api = await ApiInProcess.OpenAsync();
        _controllers = new ControllerSet(_api.Informers, _api.Events, "test authority", NullLoggerFactory.Instance);
        await _api.StartAsync(_controllers.RunAsync, cancel => FakeKubelet.RunAsync(_api.Client, cancel));
    }

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        _controllers.Dispose();
    }

    [Fact]
    public async Task Deployment_RolledToNewTemplate_StaysWithinItsBounds()
    {
        await _api.Client.CreateAsync(MakeDeployment("web", 4));
        await UntilRolledAsync("web", 4);
        using var stop = new CancellationTokenSource();
        var watched = WatchBoundsAsync("web", stop.Token);
        await ChangeAsync("web", deployment => deployment.Spec!.Template.Spec!.Containers[0].Image = "two");
        await UntilRolledAsync("web", 4);
        await stop.CancelAsync();
        var (fewest, most) = await watched;

        Assert.InRange(fewest, 3, 4);
        Assert.InRange(most, 4, 5);
        var sets = await SetsAsync("web");
        Assert.Equal(2, sets.Count);
        Assert.Equal("two", sets.Single(set => set.Spec!.Replicas == 4).Spec!.Template!.Spec!.Containers[0].Image);
        Assert.Equal("2", (await _api.Client.GetAsync<Deployment>("default", "web")).Metadata.Annotations!["deployment.kubernetes.io/revision"]);
    }

    [Fact]
    public async Task Deployment_TemplateSetBack_ReusesTheReplicaSetWithANewRevision()
    {
        await _api.Client.CreateAsync(MakeDeployment("undo", 2));
        await UntilRolledAsync("undo", 2);
        var first = (await SetsAsync("undo")).Single().Metadata.Uid;
        await ChangeAsync("undo", deployment => deployment.Spec!.Template.Spec!.Containers[0].Image = "two");
        await UntilRolledAsync("undo", 2);
        await ChangeAsync("undo", deployment => deployment.Spec!.Template.Spec!.Containers[0].Image = "one");
        await UntilRolledAsync("undo", 2);

        var active = (await SetsAsync("undo")).Single(set => set.Spec!.Replicas == 2);
        Assert.Equal(first, active.Metadata.Uid);
        Assert.Equal("3", active.Metadata.Annotations!["deployment.kubernetes.io/revision"]);
    }

    [Fact]
    public async Task Deployment_WithHistoryLimit_KeepsOnlySoManyOldReplicaSets()
    {
        var made = MakeDeployment("short", 1);
        made.Spec!.RevisionHistoryLimit = 1;
        await _api.Client.CreateAsync(made);
        await UntilRolledAsync("short", 1);
        foreach (var image in (string[])["two", "three", "four"])
        {
            await ChangeAsync("short", deployment => deployment.Spec!.Template.Spec!.Containers[0].Image = image);
            await UntilRolledAsync("short", 1);
        }

        var sets = await ApiInProcess.UntilAsync(() => SetsAsync("short"), list => list.Count == 2, "two ReplicaSets");
        Assert.Equal(["four", "three"], sets.Select(set => set.Spec!.Template!.Spec!.Containers[0].Image!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Deployment_Recreate_NeverRunsTwoTemplates()
    {
        var made = MakeDeployment("again", 3);
        made.Spec!.Strategy = new() { Type = "Recreate" };
        await _api.Client.CreateAsync(made);
        await UntilRolledAsync("again", 3);
        using var stop = new CancellationTokenSource();
        var mixed = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                if ((await PodsAsync("again")).Select(pod => pod.Spec!.Containers[0].Image).Distinct().Count() > 1)
                {
                    return true;
                }
            }

            return false;
        });
        await ChangeAsync("again", deployment => deployment.Spec!.Template.Spec!.Containers[0].Image = "two");
        await UntilRolledAsync("again", 3);
        await stop.CancelAsync();
        Assert.False(await mixed);
    }

    [Fact]
    public async Task Deployment_ScaledWhilePaused_ChangesOnlyItsSize()
    {
        await _api.Client.CreateAsync(MakeDeployment("paused", 2));
        await UntilRolledAsync("paused", 2);
        await ChangeAsync("paused", deployment => (deployment.Spec!.Paused, deployment.Spec.Replicas, deployment.Spec.Template.Spec!.Containers[0].Image) = (true, 5, "two"));
        var pods = await ApiInProcess.UntilAsync(() => PodsAsync("paused"), list => list.Count == 5, "five pods");
        Assert.All(pods, pod => Assert.Equal("one", pod.Spec!.Containers[0].Image));
        Assert.Single(await SetsAsync("paused"));
    }

    [Fact]
    public async Task ReplicaSet_PodDeletedAndPodRelabelled_ReplacesBothAndReleasesTheSecond()
    {
        await _api.Client.CreateAsync(MakeDeployment("keep", 3));
        await UntilRolledAsync("keep", 3);
        var pods = await PodsAsync("keep");
        await _api.Client.DeleteAsync<Pod>("default", pods[0].Metadata.Name!, new KubeDeleteOptions(GracePeriodSeconds: 0));
        await _api.Client.PatchAsync<Pod>("default", pods[1].Metadata.Name!, new KubePatch(KubePatchType.Merge, """{"metadata":{"labels":{"app":"debug"}}}"""u8.ToArray()));

        await ApiInProcess.UntilAsync(() => PodsAsync("keep"), list => list.Count == 3 && list.All(pod => pod.Metadata.Uid != pods[0].Metadata.Uid && pod.Metadata.Uid != pods[1].Metadata.Uid || pod.Metadata.Uid == pods[2].Metadata.Uid), "three other pods");
        await ApiInProcess.UntilAsync(() => _api.Client.GetAsync<Pod>("default", pods[1].Metadata.Name!), pod => OwnerRefs.ControllerOf(pod) is null, "the release");
    }

    [Fact]
    public async Task EndpointSlice_PodBecomesReadyAndGoes_Follows()
    {
        await _api.Client.CreateAsync(new Service
        {
            Metadata = new() { Name = "ends", Namespace = "default" },
            Spec = new() { Selector = new() { ["app"] = "ends" }, Ports = [new() { Port = 80, TargetPort = "http" }] },
        });
        var made = MakeDeployment("ends", 2);
        made.Spec!.Template.Spec!.Containers[0].Ports = [new() { Name = "http", ContainerPortValue = 8080 }];
        await _api.Client.CreateAsync(made);
        var slices = await ApiInProcess.UntilAsync(() => SlicesAsync("ends"), list => list.Sum(slice => slice.Endpoints.Count(endpoint => endpoint.Conditions?.Ready == true)) == 2, "two ready endpoints");
        Assert.Equal(8080, Assert.Single(Assert.Single(slices).Ports!).Port);
        await ChangeAsync("ends", deployment => deployment.Spec!.Replicas = 0);
        await ApiInProcess.UntilAsync(() => SlicesAsync("ends"), list => list.All(slice => slice.Endpoints.Count == 0), "no endpoint");
        await ApiInProcess.UntilAsync(() => _api.Client.GetAsync<Gantry.Kube.Model.Core.V1.Endpoints>("default", "ends"), endpoints => endpoints.Subsets is not { Count: > 0 }, "no subset");
    }

    [Fact]
    public async Task Namespace_Deleted_IsEmptiedAndGone()
    {
        await _api.Client.CreateAsync(new Namespace { Metadata = new() { Name = "gone" } });
        await ApiInProcess.UntilAsync(async () => (await _api.Client.ListAsync<ConfigMap>("gone")).Items, list => list.Any(map => map.Metadata.Name == "kube-root-ca.crt" && map.Data!["ca.crt"] == "test authority"), "the CA");
        await ApiInProcess.UntilAsync(async () => (await _api.Client.ListAsync<ServiceAccount>("gone")).Items, list => list.Any(account => account.Metadata.Name == "default"), "the account");
        var made = MakeDeployment("web", 2);
        made.Metadata.Namespace = "gone";
        await _api.Client.CreateAsync(made);
        await ApiInProcess.UntilAsync(async () => (await _api.Client.ListAsync<Pod>("gone")).Items, list => list.Count == 2, "its pods");
        await _api.Client.DeleteAsync<Namespace>(null, "gone");
        await ApiInProcess.UntilAsync(async () => (await _api.Client.ListAsync<Namespace>(null)).Items, list => list.All(item => item.Metadata.Name != "gone"), "its end");
        Assert.Empty((await _api.Client.ListAsync<Pod>("gone")).Items);
    }

    [Theory]
    [InlineData("Background", 0)]
    [InlineData("Foreground", 0)]
    [InlineData("Orphan", 2)]
    public async Task Deployment_DeletedWithPolicy_TakesOrLeavesItsDependents(string policy, int left)
    {
        await _api.Client.CreateAsync(MakeDeployment("owner", 2));
        await UntilRolledAsync("owner", 2);
        await _api.Client.DeleteAsync<Deployment>("default", "owner", new KubeDeleteOptions(PropagationPolicy: policy));
        await ApiInProcess.UntilAsync(async () => (await _api.Client.ListAsync<Deployment>("default")).Items, list => list.Count == 0, "the owner's end");
        var pods = await ApiInProcess.UntilAsync(() => PodsAsync("owner"), list => list.Count == left, "its pods' end");
        Assert.Equal(left, pods.Count);
        Assert.Equal(left > 0 ? 1 : 0, (await ApiInProcess.UntilAsync(() => SetsAsync("owner"), list => list.All(set => left > 0 && OwnerRefs.ControllerOf(set) is null), "free or gone sets")).Count);
    }

    private async Task<(int Fewest, int Most)> WatchBoundsAsync(string app, CancellationToken cancellationToken)
    {
        var (fewest, most) = (int.MaxValue, 0);
        while (!cancellationToken.IsCancellationRequested)
        {
            var pods = await PodsAsync(app);
            fewest = Math.Min(fewest, pods.Count(pod => pod.IsReady() && pod.Metadata.DeletionTimestamp is null));
            most = Math.Max(most, pods.Count(PodStates.IsActive));
            await Task.Delay(1, CancellationToken.None);
        }

        return (fewest, most);
    }

    private async Task ChangeAsync(string name, Action<Deployment> change)
    {
        while (true)
        {
            var present = await _api.Client.GetAsync<Deployment>("default", name);
            change(present);
            try
            {
                await _api.Client.UpdateAsync(present);
                return;
            }
            catch (FaultException fault) when (fault.Kind == FaultKind.Conflict)
            {
                // The controller wrote in between; the change is made again on what it wrote.
            }
        }
    }

    private Task<Deployment> UntilRolledAsync(string name, int replicas) => ApiInProcess.UntilAsync(
        () => _api.Client.GetAsync<Deployment>("default", name),
        deployment => deployment.Status is { } status && status.ObservedGeneration == deployment.Metadata.Generation
            && status.Replicas == replicas && status.UpdatedReplicas == replicas && status.AvailableReplicas == replicas,
        $"{name} rolled out");

    private async Task<IReadOnlyList<Pod>> PodsAsync(string app) => (await _api.Client.ListAsync<Pod>("default", new KubeListOptions($"app={app}"))).Items;

    private async Task<IReadOnlyList<ReplicaSet>> SetsAsync(string app) => (await _api.Client.ListAsync<ReplicaSet>("default", new KubeListOptions($"app={app}"))).Items;

    private async Task<IReadOnlyList<EndpointSlice>> SlicesAsync(string service) => (await _api.Client.ListAsync<EndpointSlice>("default", new KubeListOptions($"kubernetes.io/service-name={service}"))).Items;

    private static Deployment MakeDeployment(string name, int replicas) => new()
    {
        Metadata = new() { Name = name, Namespace = "default" },
        Spec = new()
        {
            Replicas = replicas,
            Selector = new() { MatchLabels = new() { ["app"] = name } },
            Template = new() { Metadata = new() { Labels = new() { ["app"] = name } }, Spec = new() { Containers = [new() { Name = "c", Image = "one" }] } },
        },
    };
}
