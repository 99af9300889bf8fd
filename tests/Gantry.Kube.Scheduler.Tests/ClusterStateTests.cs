using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Scheduler.Framework;
using Gantry.Kube.Scheduler.Plugins;

namespace Gantry.Kube.Scheduler.Tests;

public sealed class ClusterStateTests
{
    private readonly ClusterState _cluster = new([new NodeUnschedulable(), new TaintToleration(), new NodeAffinityFit(), new NodePorts(), new NodeResourcesFit()], [new NodeResourcesFit()]);

    public ClusterStateTests() => _cluster.SetNode(MakeNode());

    [Fact]
    public void Place_PodThatIsPlacedAlready_KeepsItsNodeAndCountsOnce()
    {
        // Its binding is written, but the cache does not show it yet: the pod comes to the scheduler a second time.
        var pod = MakePod("p");
        Assert.Equal("n1", _cluster.Place(pod, out _));
        Assert.Equal("n1", _cluster.Place(pod, out var message));
        Assert.Equal("", message);
        Assert.Null(_cluster.Place(MakePod("q"), out _));
        _cluster.RemovePod(pod);
        Assert.Equal("n1", _cluster.Place(MakePod("q"), out _));
    }

    [Fact]
    public void Place_NodeReportedAfterItsPods_CountsThem()
    {
        _cluster.SetPod(MakePod("early"), "n2");
        _cluster.RemoveNode("n1");
        var node = MakeNode();
        node.Metadata.Name = "n2";
        _cluster.SetNode(node);
        Assert.Null(_cluster.Place(MakePod("p"), out var message));
        Assert.Equal("0/1 nodes are available: 1 Insufficient cpu.", message);
    }

    [Fact]
    public void Place_WithoutNodes_SaysSo()
    {
        _cluster.RemoveNode("n1");
        Assert.Null(_cluster.Place(MakePod("p"), out var message));
        Assert.Equal("no nodes available to schedule pods", message);
    }

    [Theory]
    [InlineData("In", "a", "a", true)]
    [InlineData("In", "a", "b", false)]
    [InlineData("NotIn", "a", "b", true)]
    [InlineData("NotIn", "a", "a", false)]
    [InlineData("Exists", "a", null, true)]
    [InlineData("DoesNotExist", "a", null, false)]
    [InlineData("DoesNotExist", null, null, true)]
    [InlineData("Gt", "5", "4", true)]
    [InlineData("Gt", "4", "4", false)]
    [InlineData("Lt", "3", "4", true)]
    [InlineData("Lt", "x", "4", false)]
    public void NodeAffinity_Operator_Decides(string operation, string? label, string? value, bool fits)
    {
        var node = MakeNode();
        node.Metadata.Labels = label is null ? null : new() { ["k"] = label };
        _cluster.SetNode(node);
        var pod = MakePod("p");
        pod.Spec!.Affinity = new() { NodeAffinity = new() { RequiredDuringSchedulingIgnoredDuringExecution = new() { NodeSelectorTerms = [new() { MatchExpressions = [new() { Key = "k", Operator = operation, Values = value is null ? null : [value] }] }] } } };
        Assert.Equal(fits ? "n1" : null, _cluster.Place(pod, out var message));
        Assert.Equal(fits ? "" : "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", message);
    }

    [Fact]
    public void Place_UntoleratedTaint_RefusesUntilTolerated()
    {
        var node = MakeNode();
        node.Spec = new() { Taints = [new() { Key = "gpu", Value = "yes", Effect = "NoSchedule" }] };
        _cluster.SetNode(node);
        Assert.Null(_cluster.Place(MakePod("p"), out var message));
        Assert.Equal("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: yes}.", message);
        var tolerant = MakePod("q");
        tolerant.Spec!.Tolerations = [new() { Key = "gpu", Operator = "Exists" }];
        Assert.Equal("n1", _cluster.Place(tolerant, out _));
    }

    [Fact]
    public void Place_HostPortTaken_RefusesOnlyTheSameProtocol()
    {
        Assert.Equal("n1", _cluster.Place(WithHostPort("a", "TCP"), out _));
        Assert.Null(_cluster.Place(WithHostPort("b", "TCP"), out var message));
        Assert.Equal("0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.", message);
        Assert.Equal("n1", _cluster.Place(WithHostPort("c", "UDP"), out _));
    }

    private static Pod WithHostPort(string name, string protocol)
    {
        var pod = MakePod(name);
        pod.Spec!.Containers[0].Resources = null;
        pod.Spec.Containers[0].Ports = [new() { ContainerPortValue = 80, HostPort = 8080, Protocol = protocol }];
        return pod;
    }

    private static Node MakeNode() => new()
    {
        Metadata = new() { Name = "n1" },
        Status = new() { Allocatable = new() { ["cpu"] = Quantity.Parse("1"), ["pods"] = Quantity.Parse("10") } },
    };

    private static Pod MakePod(string name) => new()
    {
        Metadata = new() { Name = name, Namespace = "default", Uid = name },
        Spec = new() { Containers = [new() { Name = "c", Image = "i", Resources = new() { Requests = new() { ["cpu"] = Quantity.Parse("600m") } } }] },
    };
}
