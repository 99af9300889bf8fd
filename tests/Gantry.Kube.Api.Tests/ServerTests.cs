namespace Gantry.Kube.Api.Tests;

public sealed class ServerTests
{
    [Fact]
    public async Task Create_ThenGet_GivesTheStoredObject()
    {
        await using var cluster = await TestCluster.StartAsync();
        var made = await cluster.Client.CreateAsync(new Model.Core.V1.ConfigMap { Metadata = { Name = "a", Namespace = "default" }, Data = new() { ["k"] = "v" } });
        var read = await cluster.Client.GetAsync<Model.Core.V1.ConfigMap>("default", "a");

        Assert.Equal(made.Metadata.ResourceVersion, read.Metadata.ResourceVersion);
        Assert.Equal("v", read.Data!["k"]);
        Assert.NotNull(read.Metadata.Uid);
    }
}
