namespace Gantry.Integration.Tests;

/// <summary>One image store: what was built here runs as a Pod by its name.</summary>
public sealed class LocalImageTests(GantryInstance gantry) : IClassFixture<GantryInstance>
{
    [Fact]
    public async Task Pod_OfABuiltImageThatWasNeverPushed_RunsWithItsDefaultPullPolicy()
    {
        await gantry.DockerOutputAsync("tag", "busybox", "made-here");

        await gantry.KubectlOutputAsync("run", "local", "--image=made-here", "--restart=Never", "--command", "--", "true");

        Assert.Equal("Always", await gantry.KubectlOutputAsync("get", "pod/local", "-o", "jsonpath={.spec.containers[0].imagePullPolicy}"));
        await gantry.KubectlOutputAsync("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/local", "--timeout=30s");
    }
}
