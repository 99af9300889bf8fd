using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Gantry.Oci;

namespace Gantry.Registry.Tests;

/// <summary>The distribution specification's demands, request by request.</summary>
public sealed class DistributionTests
{
    private static readonly byte[] s_blob = Encoding.ASCII.GetBytes("0123456789");
    private static readonly Digest s_digest = Digest.OfBytes(s_blob);

    [Fact]
    public async Task Upload_InChunks_MustBeInOrder()
    {
        await using var server = await RegistryServer.StartAsync();
        var location = await StartAsync(server);
        var first = await SendAsync(server, HttpMethod.Patch, location, s_blob[..4], "0-3");
        Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);
        Assert.Equal("0-3", first.Headers.GetValues("Range").Single());

        var wrong = await SendAsync(server, HttpMethod.Patch, location, s_blob[6..], "6-9");
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, wrong.StatusCode);
        var status = await server.Http.GetAsync(location);
        Assert.Equal(HttpStatusCode.NoContent, status.StatusCode);
        Assert.Equal("0-3", status.Headers.GetValues("Range").Single());

        await SendAsync(server, HttpMethod.Patch, location, s_blob[4..8], "4-7");
        var done = await SendAsync(server, HttpMethod.Put, $"{location}?digest={s_digest}", s_blob[8..], "8-9");
        Assert.Equal(HttpStatusCode.Created, done.StatusCode);
        Assert.Equal(s_blob, await server.Http.GetByteArrayAsync(done.Headers.Location));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync(location)).StatusCode);
    }

    [Fact]
    public async Task Upload_WithWrongDigest_IsDigestInvalidAndStoresNothing()
    {
        await using var server = await RegistryServer.StartAsync();
        var other = Digest.OfBytes("other"u8);
        var response = await SendAsync(server, HttpMethod.Post, $"/v2/a/b/blobs/uploads/?digest={other}", s_blob);
        await AssertErrorAsync(response, HttpStatusCode.BadRequest, "DIGEST_INVALID");
        response = await SendAsync(server, HttpMethod.Put, $"{await StartAsync(server)}?digest=sha256:xyz", s_blob);
        await AssertErrorAsync(response, HttpStatusCode.BadRequest, "DIGEST_INVALID");
        Assert.Empty(server.Root.Images.Content.List());
        Assert.DoesNotContain(Directory.EnumerateFiles(Path.Combine(server.Root.Path, "ingest")), file => new FileInfo(file).Length > 0);
    }

    [Fact]
    public async Task Blob_SupportsHeadRangesMountAndDeletion()
    {
        await using var server = await RegistryServer.StartAsync();
        Assert.Equal(HttpStatusCode.Created, (await SendAsync(server, HttpMethod.Post, $"/v2/one/blobs/uploads/?digest={s_digest}", s_blob)).StatusCode);

        var head = await server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"/v2/one/blobs/{s_digest}"));
        Assert.Equal(10, head.Content.Headers.ContentLength);
        Assert.Equal("456", Encoding.ASCII.GetString(await RangeAsync(server, "bytes=4-6", HttpStatusCode.PartialContent)));
        Assert.Equal("89", Encoding.ASCII.GetString(await RangeAsync(server, "bytes=-2", HttpStatusCode.PartialContent)));
        await RangeAsync(server, "bytes=10-", HttpStatusCode.RequestedRangeNotSatisfiable);

        await AssertErrorAsync(await server.Http.GetAsync($"/v2/two/blobs/{s_digest}"), HttpStatusCode.NotFound, "NAME_UNKNOWN");
        var mounted = await server.Http.PostAsync($"/v2/two/blobs/uploads/?mount={s_digest}&from=one", null);
        Assert.Equal(HttpStatusCode.Created, mounted.StatusCode);
        Assert.Equal(s_blob, await server.Http.GetByteArrayAsync($"/v2/two/blobs/{s_digest}"));
        var absent = await server.Http.PostAsync($"/v2/two/blobs/uploads/?mount={Digest.OfBytes("x"u8)}&from=one", null);
        Assert.Equal(HttpStatusCode.Accepted, absent.StatusCode);

        Assert.Equal(HttpStatusCode.Accepted, (await server.Http.DeleteAsync($"/v2/one/blobs/{s_digest}")).StatusCode);
        await AssertErrorAsync(await server.Http.DeleteAsync($"/v2/one/blobs/{s_digest}"), HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        Assert.Equal(s_blob, await server.Http.GetByteArrayAsync($"/v2/two/blobs/{s_digest}"));
    }

    [Fact]
    public async Task Manifest_IsCheckedStoredListedAndDeleted()
    {
        await using var server = await RegistryServer.StartAsync();
        var manifest = Manifest();
        await AssertErrorAsync(await PutManifestAsync(server, "v1", manifest), HttpStatusCode.NotFound, "MANIFEST_BLOB_UNKNOWN");
        await SendAsync(server, HttpMethod.Post, $"/v2/app/blobs/uploads/?digest={s_digest}", s_blob);
        await AssertErrorAsync(await PutManifestAsync(server, Digest.OfBytes("x"u8).Value, manifest), HttpStatusCode.BadRequest, "DIGEST_INVALID");
        await AssertErrorAsync(await PutManifestAsync(server, "v1", "{"u8.ToArray()), HttpStatusCode.BadRequest, "MANIFEST_INVALID");
        await AssertErrorAsync(await PutManifestAsync(server, "v1", manifest, MediaTypes.DockerManifest), HttpStatusCode.BadRequest, "MANIFEST_INVALID");

        foreach (var tag in new[] { "v1", "B", "a", "c" })
        {
            Assert.Equal(HttpStatusCode.Created, (await PutManifestAsync(server, tag, manifest)).StatusCode);
        }
        var got = await server.Http.GetAsync("/v2/app/manifests/v1");
        Assert.Equal(MediaTypes.OciManifest, got.Content.Headers.ContentType!.MediaType);
        Assert.Equal(Digest.OfBytes(manifest).Value, got.Headers.GetValues("Docker-Content-Digest").Single());
        Assert.Equal(manifest, await got.Content.ReadAsByteArrayAsync());

        Assert.Equal("{\"name\":\"app\",\"tags\":[\"a\",\"B\",\"c\",\"v1\"]}", await server.Http.GetStringAsync("/v2/app/tags/list"));
        var page = await server.Http.GetAsync("/v2/app/tags/list?n=2");
        Assert.Equal("{\"name\":\"app\",\"tags\":[\"a\",\"B\"]}", await page.Content.ReadAsStringAsync());
        Assert.Equal("</v2/app/tags/list?n=2&last=B>; rel=\"next\"", page.Headers.GetValues("Link").Single());
        Assert.Equal("{\"name\":\"app\",\"tags\":[\"c\",\"v1\"]}", await server.Http.GetStringAsync("/v2/app/tags/list?n=2&last=B"));
        Assert.Equal("{\"name\":\"app\",\"tags\":[]}", await server.Http.GetStringAsync("/v2/app/tags/list?n=0"));
        Assert.Equal("{\"repositories\":[\"app\"]}", await server.Http.GetStringAsync("/v2/_catalog"));

        Assert.Equal(HttpStatusCode.Accepted, (await server.Http.DeleteAsync("/v2/app/manifests/a")).StatusCode);
        await AssertErrorAsync(await server.Http.GetAsync("/v2/app/manifests/a"), HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        Assert.Equal(HttpStatusCode.Accepted, (await server.Http.DeleteAsync($"/v2/app/manifests/{Digest.OfBytes(manifest)}")).StatusCode);
        await AssertErrorAsync(await server.Http.GetAsync("/v2/app/manifests/v1"), HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
    }

    [Fact]
    public async Task Referrers_ListsManifestsOfASubject()
    {
        await using var server = await RegistryServer.StartAsync();
        await SendAsync(server, HttpMethod.Post, $"/v2/app/blobs/uploads/?digest={s_digest}", s_blob);
        var subject = new Descriptor { MediaType = MediaTypes.OciManifest, Digest = Digest.OfBytes("subject"u8), Size = 7 };
        var signature = OciJson.Serialize(new Manifest
        {
            MediaType = MediaTypes.OciManifest,
            ArtifactType = "application/x.signature",
            Config = new Descriptor { MediaType = MediaTypes.OciEmpty, Digest = s_digest, Size = 10 },
            Subject = subject,
            Annotations = new() { ["who"] = "me" },
        });
        var put = await PutManifestAsync(server, Digest.OfBytes(signature).Value, signature);
        Assert.Equal(subject.Digest.Value, put.Headers.GetValues("OCI-Subject").Single());

        var index = OciJson.Deserialize<ImageIndex>(await server.Http.GetByteArrayAsync($"/v2/app/referrers/{subject.Digest}"), "index");
        Assert.Equal("application/x.signature", Assert.Single(index.Manifests).ArtifactType);
        Assert.Equal("me", index.Manifests[0].Annotations!["who"]);
        var none = await server.Http.GetAsync($"/v2/app/referrers/{subject.Digest}?artifactType=other");
        Assert.Equal("artifactType", none.Headers.GetValues("OCI-Filters-Applied").Single());
        Assert.Empty(OciJson.Deserialize<ImageIndex>(await none.Content.ReadAsByteArrayAsync(), "index").Manifests);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync($"/v2/nowhere/referrers/{subject.Digest}")).StatusCode);
    }

    [Theory]
    [InlineData("GET", "/v2/", HttpStatusCode.OK)]
    [InlineData("GET", "/v2/UPPER/tags/list", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v2/a/manifests/x", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/v2/a/what", HttpStatusCode.NotFound)]
    [InlineData("GET", "/v2/a/blobs/sha256:00", HttpStatusCode.BadRequest)]
    [InlineData("GET", "/v2/a/tags/list", HttpStatusCode.NotFound)]
    [InlineData("PATCH", "/v2/a/blobs/uploads/unknown", HttpStatusCode.NotFound)]
    public async Task Request_Status(string method, string path, HttpStatusCode expected)
    {
        await using var server = await RegistryServer.StartAsync();
        var response = await server.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
        Assert.Equal(expected, response.StatusCode);
        Assert.Equal("registry/2.0", response.Headers.GetValues("Docker-Distribution-Api-Version").Single());
    }

    private static byte[] Manifest() => OciJson.Serialize(new Manifest
    {
        MediaType = MediaTypes.OciManifest,
        Config = new Descriptor { MediaType = MediaTypes.OciConfig, Digest = s_digest, Size = 10 },
        Layers = [new Descriptor { MediaType = MediaTypes.OciLayer, Digest = s_digest, Size = 10 }],
    });

    private static async Task<string> StartAsync(RegistryServer server)
    {
        var response = await server.Http.PostAsync("/v2/a/b/blobs/uploads/", null);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        return response.Headers.Location!.ToString();
    }

    private static Task<HttpResponseMessage> PutManifestAsync(RegistryServer server, string reference, byte[] content, string mediaType = MediaTypes.OciManifest)
    {
        var body = new ByteArrayContent(content);
        body.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        return server.Http.PutAsync($"/v2/app/manifests/{reference}", body);
    }

    private static Task<HttpResponseMessage> SendAsync(RegistryServer server, HttpMethod method, string path, byte[] content, string? range = null)
    {
        var request = new HttpRequestMessage(method, path) { Content = new ByteArrayContent(content) };
        if (range is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Range", range);
        }
        return server.Http.SendAsync(request);
    }

    private static async Task<byte[]> RangeAsync(RegistryServer server, string range, HttpStatusCode expected)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"/v2/one/blobs/{s_digest}");
        request.Headers.TryAddWithoutValidation("Range", range);
        var response = await server.Http.SendAsync(request);
        Assert.Equal(expected, response.StatusCode);
        return await response.Content.ReadAsByteArrayAsync();
    }

    private static async Task AssertErrorAsync(HttpResponseMessage response, HttpStatusCode status, string code)
    {
        var body = await response.Content.ReadAsStringAsync();
        Assert.Equal((status, code), (response.StatusCode, JsonDocument.Parse(body).RootElement.GetProperty("errors")[0].GetProperty("code").GetString()));
    }
}
