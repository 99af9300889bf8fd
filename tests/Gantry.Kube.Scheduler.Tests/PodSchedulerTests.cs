using Gantry.Kube.Client;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gantry.Kube.Scheduler.Tests;

public sealed class PodSchedulerTests
{
    [Fact]
    public async Task Schedule_TwoHundredPodsAtOnce_NodeIsNeverOvercommitted()
    {
        await using var api = await ApiInProcess.OpenAsync();
        using var scheduler = new PodScheduler(api.Informers, api.Events, NullLoggerFactory.Instance);
        await api.Client.CreateAsync(MakeNode("n1", "10"));
        await api.Client.CreateAsync(MakeNode("n2", "5"));
        await api.StartAsync(scheduler.RunAsync);
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => api.Client.CreateAsync(MakePod($"p{i}", "100m"))));

        var pods = await ApiInProcess.UntilAsync(() => ListAsync(api), list => list.All(pod => pod.Spec!.NodeName is not null || pod.Condition("PodScheduled") is { Status: "False" }), "all pods decided");
        Assert.Equal(100, pods.Count(pod => pod.Spec!.NodeName == "n1"));
        Assert.Equal(50, pods.Count(pod => pod.Spec!.NodeName == "n2"));
        Assert.All(pods.Where(pod => pod.Spec!.NodeName is null), pod => Assert.Equal("0/2 nodes are available: 2 Insufficient cpu.", pod.Condition("PodScheduled")!.Message));
    }

    [Fact]
    public async Task Schedule_PodThatFitsNowhere_IsNotedAndBoundWhenRoomAppears()
    {
        await using var api = await ApiInProcess.OpenAsync();
        using var scheduler = new PodScheduler(api.Informers, api.Events, NullLoggerFactory.Instance);
        await api.Client.CreateAsync(MakeNode("n1", "1"));
        await api.StartAsync(scheduler.RunAsync);
        await api.Client.CreateAsync(MakePod("first", "800m"));
        await ApiInProcess.UntilAsync(() => GetAsync(api, "first"), pod => pod.Spec!.NodeName == "n1", "first is bound");
        await api.Client.CreateAsync(MakePod("second", "500m"));

        var waiting = await ApiInProcess.UntilAsync(() => GetAsync(api, "second"), pod => pod.Condition("PodScheduled") is not null, "second is noted");
        Assert.Equal(("False", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu."), (waiting.Condition("PodScheduled")!.Status, waiting.Condition("PodScheduled")!.Reason, waiting.Condition("PodScheduled")!.Message));
        await ApiInProcess.UntilAsync(async () => (await api.Client.ListAsync<Event>("default")).Items, list => list.Any(item => item is { Reason: "FailedScheduling", InvolvedObject.Name: "second", Message: "0/1 nodes are available: 1 Insufficient cpu." }), "the event");

        await api.Client.DeleteAsync<Pod>("default", "first", new KubeDeleteOptions(GracePeriodSeconds: 0));
        await ApiInProcess.UntilAsync(() => GetAsync(api, "second"), pod => pod.Spec!.NodeName == "n1", "second is bound");
    }

    private static async Task<IReadOnlyList<Pod>> ListAsync(ApiInProcess api) => (await api.Client.ListAsync<Pod>("default")).Items;

    private static Task<Pod> GetAsync(ApiInProcess api, string name) => api.Client.GetAsync<Pod>("default", name);

    private static Node MakeNode(string name, string cpu) => new()
    {
        Metadata = new() { Name = name },
        Status = new() { Allocatable = new() { ["cpu"] = Quantity.Parse(cpu), ["memory"] = Quantity.Parse("8Gi"), ["pods"] = Quantity.Parse("500") } },
    };

    private static Pod MakePod(string name, string cpu) => new()
    {
        Metadata = new() { Name = name, Namespace = "default" },
        Spec = new() { Containers = [new() { Name = "c", Image = "i", Resources = new() { Requests = new() { ["cpu"] = Quantity.Parse(cpu) } } }] },
    };
}
