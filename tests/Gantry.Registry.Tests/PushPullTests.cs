using System.Text;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Images.Tests;
using Gantry.Oci;
using Microsoft.AspNetCore.Http;

namespace Gantry.Registry.Tests;

public sealed class PushPullTests
{
    [Fact]
    public async Task Image_PushedToOneRegistryAndPulledFromIt_IsTheSame()
    {
        await using var server = await RegistryServer.StartAsync();
        await using var from = await ImageRoot.CreateAsync();
        await using var to = await ImageRoot.CreateAsync();
        var image = await from.AddImageAsync($"{server.Domain}/team/app:1", [("a", "1")], [("b", "2")]);
        var said = new List<ImageProgress>();

        var pushed = await from.Images.PushAsync(new PushRequest(ImageReference.Parse($"{server.Domain}/team/app:1")) { Progress = said.Add });
        Assert.Contains(said, progress => progress.Status == "Pushed");
        said.Clear();
        await from.Images.PushAsync(new PushRequest(ImageReference.Parse($"{server.Domain}/team/app:1")) { Progress = said.Add });
        Assert.Equal(2, said.Count(progress => progress.Status == "Layer already exists"));

        said.Clear();
        var pulled = await to.Images.PullAsync(new PullRequest(ImageReference.Parse($"{server.Domain}/team/app:1")) { Progress = said.Add });
        Assert.Equal(image.Id, pulled.Id);
        Assert.Equal(image.ChainId, pulled.ChainId);
        Assert.Equal([$"{server.Domain}/team/app@{pushed[0].Digest}"], pulled.RepoDigests);
        Assert.Equal($"Status: Downloaded newer image for {server.Domain}/team/app:1", said[^1].Status);
        var root = (await to.Images.Snapshots.PrepareAsync("c", pulled.ChainId)).Mount();
        Assert.Equal("2", File.ReadAllText($"{root}/b"));

        await to.Images.PullAsync(new PullRequest(ImageReference.Parse($"{server.Domain}/team/app:1")) { Progress = said.Add });
        Assert.Equal($"Status: Image is up to date for {server.Domain}/team/app:1", said[^1].Status);
        var byDigest = await to.Images.PullAsync(new PullRequest(ImageReference.Parse($"{server.Domain}/team/app@{pushed[0].Digest}")));
        Assert.Equal(image.Id, byDigest.Id);
    }

    [Fact]
    public async Task Push_ToTheOwnRegistry_CopiesNothingAndServesTheImage()
    {
        await using var server = await RegistryServer.StartAsync();
        await using var client = await ImageRoot.CreateAsync();
        var image = await server.Root.AddImageAsync("nobody:1/app", [("a", "1")]);
        var before = server.Root.Images.Content.List().Count();

        await server.Root.Images.PushAsync(new PushRequest(ImageReference.Parse("nobody:1/app:latest")));
        Assert.Equal(before, server.Root.Images.Content.List().Count());

        var pulled = await client.Images.PullAsync(new PullRequest(ImageReference.Parse($"{server.Domain}/app")));
        Assert.Equal(image.Id, pulled.Id);
        // The engine's image goes, the registry's stays.
        await server.Root.Images.RemoveAsync("nobody:1/app");
        Assert.Equal(image.Id, (await server.Root.Images.PullAsync(new PullRequest(ImageReference.Parse("nobody:1/app")))).Id);
    }

    [Theory]
    [InlineData("altered")]
    [InlineData("truncated")]
    public async Task Pull_OfDamagedLayer_FailsAndLeavesNothing(string damage)
    {
        await using var origin = await ImageRoot.CreateAsync();
        var image = await origin.AddImageAsync("nobody:1/app", [("a", new string('x', 5000))]);
        var layer = (await origin.Images.GetLayersAsync(image))[0];
        await using var server = await RegistryServer.StartAsync(async context =>
        {
            if (!context.Request.Path.Value!.EndsWith(layer.Digest.Value, StringComparison.Ordinal) || context.Request.Method != "GET")
            {
                return false;
            }
            var bytes = await origin.Images.Content.ReadAsync(layer.Digest);
            bytes[1000] ^= (byte)(damage == "altered" ? 1 : 0);
            await context.Response.Body.WriteAsync(damage == "truncated" ? bytes.AsMemory(0, 512) : bytes);
            return true;
        });
        await origin.Images.TagAsync("nobody:1/app", ImageReference.Parse($"{server.Domain}/app"));
        await origin.Images.PushAsync(new PushRequest(ImageReference.Parse($"{server.Domain}/app:latest")));
        await using var client = await ImageRoot.CreateAsync();

        var fault = await Assert.ThrowsAsync<FaultException>(() => client.Images.PullAsync(new PullRequest(ImageReference.Parse($"{server.Domain}/app"))));
        Assert.Equal(damage == "altered" ? FaultKind.DataLoss : FaultKind.Unavailable, fault.Kind);
        Assert.Empty(await client.Images.ListAsync(new ImageFilter { All = true }));
        Assert.False(client.Images.Content.Contains(layer.Digest));
        await client.Images.CollectGarbageAsync();
        Assert.Empty(client.Images.Content.List());
    }

    [Fact]
    public async Task Pull_OfMissing_SaysWhatTheRegistrySaid()
    {
        await using var server = await RegistryServer.StartAsync();
        await using var client = await ImageRoot.CreateAsync();
        var unknown = await Assert.ThrowsAsync<FaultException>(() => client.Images.PullAsync(new PullRequest(ImageReference.Parse($"{server.Domain}/nope:1"))));
        Assert.Equal(FaultKind.NotFound, unknown.Kind);
        Assert.Equal($"repository {server.Domain}/nope not found: name unknown: repository name not known to registry", unknown.Message);
        var unreachable = await Assert.ThrowsAsync<FaultException>(() => client.Images.PullAsync(new PullRequest(ImageReference.Parse("127.0.0.1:1/x"))));
        Assert.Equal(FaultKind.Unavailable, unreachable.Kind);
        Assert.Equal("Get \"http://127.0.0.1:1/v2/x/manifests/latest\": dial tcp: connect: connection refused", unreachable.Message);
    }

    [Fact]
    public async Task Pull_WithBearerTokens_GetsOneFromTheRealm()
    {
        RegistryServer? server = null;
        server = await RegistryServer.StartAsync(async context =>
        {
            if (context.Request.Path == "/token")
            {
                var basic = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes("me:secret"));
                context.Response.StatusCode = context.Request.Headers.Authorization == basic ? 200 : 401;
                await context.Response.WriteAsync($"{{\"token\":\"t-{context.Request.Query["scope"].ToString().Length}\"}}");
                return true;
            }
            if (context.Request.Headers.Authorization.ToString().StartsWith("Bearer t-", StringComparison.Ordinal))
            {
                return false;
            }
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"http://{context.Request.Host}/token\",service=\"x\",scope=\"repository:app:pull\"";
            return true;
        });
        await using var disposing = server;
        await using var origin = await ImageRoot.CreateAsync();
        var image = await origin.AddImageAsync($"{server.Domain}/app", [("a", "1")]);
        var reference = ImageReference.Parse($"{server.Domain}/app:latest");
        await origin.Images.PushAsync(new PushRequest(reference) { Credentials = new RegistryCredentials("me", "secret") });

        await using var client = await ImageRoot.CreateAsync();
        var refused = await Assert.ThrowsAsync<FaultException>(() => client.Images.PullAsync(new PullRequest(reference) { Credentials = new RegistryCredentials("me", "wrong") }));
        Assert.Equal(FaultKind.Unauthenticated, refused.Kind);
        Assert.Equal(image.Id, (await client.Images.PullAsync(new PullRequest(reference) { Credentials = new RegistryCredentials("me", "secret") })).Id);
    }

    [Fact]
    public async Task Pull_OfAnIndex_TakesThePlatformsManifest()
    {
        await using var server = await RegistryServer.StartAsync();
        await using var origin = await ImageRoot.CreateAsync();
        var image = await origin.AddImageAsync($"{server.Domain}/app:one", [("a", "1")]);
        await origin.Images.PushAsync(new PushRequest(ImageReference.Parse($"{server.Domain}/app:one")));
        var index = OciJson.Serialize(new ImageIndex
        {
            MediaType = MediaTypes.OciIndex,
            Manifests = [image.Manifest with { Platform = Platform.Host }],
        });
        using var content = new ByteArrayContent(index);
        content.Headers.ContentType = new(MediaTypes.OciIndex);
        (await server.Http.PutAsync("/v2/app/manifests/multi", content)).EnsureSuccessStatusCode();

        await using var client = await ImageRoot.CreateAsync();
        var pulled = await client.Images.PullAsync(new PullRequest(ImageReference.Parse($"{server.Domain}/app:multi")));
        Assert.Equal(image.Id, pulled.Id);
        Assert.Equal([$"{server.Domain}/app@{Digest.OfBytes(index)}"], pulled.RepoDigests);
        var missing = await Assert.ThrowsAsync<FaultException>(() => client.Images.PullAsync(
            new PullRequest(ImageReference.Parse($"{server.Domain}/app:multi")) { Platform = Platform.Parse("linux/s390x") }));
        Assert.Equal("no matching manifest for linux/s390x in the manifest list entries", missing.Message);
    }

    [Fact]
    public async Task Pull_OverAConnectionThatBreaks_ContinuesWhereItEnded()
    {
        await using var origin = await ImageRoot.CreateAsync();
        var bytes = new byte[3_000_000];
        new Random(1).NextBytes(bytes);
        var image = await origin.AddImageAsync("nobody:1/app", [("a", Convert.ToBase64String(bytes))]);
        var layer = (await origin.Images.GetLayersAsync(image))[0];
        var ranges = new List<string>();
        await using var server = await RegistryServer.StartAsync(async context =>
        {
            if (context.Request.Method != "GET" || !context.Request.Path.Value!.EndsWith(layer.Digest.Value, StringComparison.Ordinal))
            {
                return false;
            }
            ranges.Add(context.Request.Headers.Range.ToString());
            if (ranges.Count > 1)
            {
                return false;
            }
            var content = await origin.Images.Content.ReadAsync(layer.Digest);
            context.Response.ContentLength = content.Length;
            await context.Response.Body.WriteAsync(content.AsMemory(0, 1_000_000));
            await context.Response.Body.FlushAsync();
            await Task.Delay(200);
            context.Abort();
            return true;
        });
        await origin.Images.TagAsync("nobody:1/app", ImageReference.Parse($"{server.Domain}/app"));
        await origin.Images.PushAsync(new PushRequest(ImageReference.Parse($"{server.Domain}/app:latest")));
        await using var client = await ImageRoot.CreateAsync();

        var pulled = await client.Images.PullAsync(new PullRequest(ImageReference.Parse($"{server.Domain}/app")));
        Assert.Equal(image.Id, pulled.Id);
        Assert.Equal(["", "bytes=1000000-"], ranges);
    }

    [Fact]
    public async Task Pulls_OfOneImageAtTheSameTime_FetchEachBlobOnce()
    {
        var fetched = 0;
        await using var server = await RegistryServer.StartAsync(context =>
        {
            if (context.Request.Method == "GET" && context.Request.Path.Value!.Contains("/blobs/sha256", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref fetched);
            }
            return Task.FromResult(false);
        });
        await using var origin = await ImageRoot.CreateAsync();
        var image = await origin.AddImageAsync($"{server.Domain}/app", [("a", "1")], [("b", "2")]);
        await origin.Images.PushAsync(new PushRequest(ImageReference.Parse($"{server.Domain}/app:latest")));
        await using var client = await ImageRoot.CreateAsync();

        var pulled = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => client.Images.PullAsync(new PullRequest(ImageReference.Parse($"{server.Domain}/app")))));
        Assert.All(pulled, one => Assert.Equal(image.Id, one.Id));
        Assert.Equal(3, fetched);
    }
}
