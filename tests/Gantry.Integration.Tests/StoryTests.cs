namespace Gantry.Integration.Tests;

/// <summary>The story that must be true: build, push, run replicas, reach them, lose some, change them.</summary>
public sealed class StoryTests(GantryInstance gantry) : IClassFixture<GantryInstance>
{
    private const string Dockerfile = """
        FROM busybox
        RUN mkdir /www
        COPY index.html /www/
        CMD ["httpd", "-f", "-p", "8000", "-h", "/www"]
        """;

    private string Image => $"localhost:{gantry.RegistryPort}/web";

    [Fact]
    public async Task Deployment_OfABuiltImage_ServesAndHealsAndRolls()
    {
        await BuildAsync("one");
        await gantry.DockerOutputAsync("push", Image);
        var applied = await gantry.ApplyAsync(Manifest(Image));
        Assert.True(applied.Code == 0, applied.All);

        await gantry.KubectlOutputAsync("rollout", "status", "deployment/web", "--timeout=60s");
        var address = await gantry.KubectlOutputAsync("get", "service/web", "-o", "jsonpath={.spec.clusterIP}");
        var nodePort = await gantry.KubectlOutputAsync("get", "service/web", "-o", "jsonpath={.spec.ports[0].nodePort}");
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        Assert.Equal("one", (await http.GetStringAsync(new Uri($"http://{address}/"))).Trim());
        Assert.Equal("one", (await http.GetStringAsync(new Uri($"http://127.0.0.1:{nodePort}/"))).Trim());
        Assert.Contains("Name:\tweb.default.svc.cluster.local", await gantry.KubectlOutputAsync("exec", "deployment/web", "--", "nslookup", "web.default.svc.cluster.local"), StringComparison.Ordinal);
        Assert.Equal(3, (await gantry.DockerOutputAsync("ps", "-q", "--filter", "label=io.kubernetes.container.name=web")).Split('\n').Length);

        await gantry.KubectlOutputAsync("delete", "pods", "-l", "app=web", "--wait=false", "--grace-period=1");
        await WaitForReadyAsync(3);

        await BuildAsync("two");
        var failures = 0;
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{address}/");
                request.Headers.ConnectionClose = true;
                try
                {
                    using var response = await http.SendAsync(request);
                    response.EnsureSuccessStatusCode();
                }
                catch (HttpRequestException)
                {
                    Interlocked.Increment(ref failures);
                }
            }
        })).ToArray();
        await gantry.KubectlOutputAsync("set", "image", "deployment/web", $"web={Image}:two");
        await gantry.KubectlOutputAsync("rollout", "status", "deployment/web", "--timeout=60s");
        await gantry.KubectlOutputAsync("rollout", "undo", "deployment/web");
        await gantry.KubectlOutputAsync("rollout", "status", "deployment/web", "--timeout=60s");
        await stop.CancelAsync();
        await Task.WhenAll(load);

        Assert.Equal(0, failures);
        Assert.Equal("one", (await http.GetStringAsync(new Uri($"http://{address}/"))).Trim());
    }

    [Fact]
    public async Task Pod_OfAMissingImage_SaysWhy()
    {
        await gantry.KubectlOutputAsync("run", "missing", $"--image=localhost:{gantry.RegistryPort}/nobody:1", "--restart=Never");

        await gantry.WaitAsync("the pod's reason", async () =>
        {
            var reason = await gantry.KubectlOutputAsync("get", "pod/missing", "-o", "jsonpath={.status.containerStatuses[0].state.waiting.reason}");
            return (reason is "ErrImagePull" or "ImagePullBackOff", reason);
        });
        await gantry.WaitAsync("the event", async () =>
        {
            var events = await gantry.KubectlOutputAsync("get", "events", "--field-selector", "involvedObject.name=missing", "-o", "jsonpath={.items[*].message}");
            return (events.Contains("Failed to pull image", StringComparison.Ordinal), events);
        });
    }

    [Fact]
    public async Task Pod_BeyondItsMemory_IsOomKilledInBothApis()
    {
        var applied = await gantry.ApplyAsync("""
            apiVersion: v1
            kind: Pod
            metadata: {name: greedy}
            spec:
              restartPolicy: Never
              containers:
              - name: c
                image: busybox
                imagePullPolicy: IfNotPresent
                command: [sh, -c, "x=a; while true; do x=$x$x; done"]
                resources: {limits: {memory: 32Mi}}
            """);
        Assert.True(applied.Code == 0, applied.All);

        await gantry.WaitAsync("OOMKilled", async () =>
        {
            var reason = await gantry.KubectlOutputAsync("get", "pod/greedy", "-o", "jsonpath={.status.containerStatuses[0].state.terminated.reason}");
            return (reason == "OOMKilled", reason);
        });
        var run = await gantry.DockerAsync("run", "--name", "greedy", "--memory", "32m", "busybox", "sh", "-c", "x=a; while true; do x=$x$x; done");
        Assert.Equal(137, run.Code);
        Assert.Equal("true", await gantry.DockerOutputAsync("inspect", "greedy", "--format", "{{.State.OOMKilled}}"));
        await gantry.DockerOutputAsync("rm", "greedy");
    }

    [Fact]
    public async Task Object_WithUnknownFieldsAndBadValues_IsRefusedWithEveryCause()
    {
        var result = await gantry.ApplyAsync("""
            apiVersion: v1
            kind: Pod
            metadata: {name: Bad_Name}
            spec:
              restartPolicy: Sometimes
              containers:
              - name: UPPER
                image: ""
                ports: [{containerPort: 70000}]
            """);

        Assert.NotEqual(0, result.Code);
        foreach (var field in new[] { "metadata.name", "spec.restartPolicy", "spec.containers[0].name", "spec.containers[0].image", "spec.containers[0].ports[0].containerPort" })
        {
            Assert.Contains(field, result.All, StringComparison.Ordinal);
        }

        var unknown = await gantry.ApplyAsync("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nunknown: 1\n");
        Assert.NotEqual(0, unknown.Code);
        Assert.Contains("unknown field \"unknown\"", unknown.All, StringComparison.Ordinal);
    }

    private async Task BuildAsync(string text)
    {
        var context = Directory.CreateTempSubdirectory("gantry-context-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), Dockerfile);
            await File.WriteAllTextAsync(Path.Combine(context, "index.html"), text + "\n");
            var tag = text == "one" ? Image : $"{Image}:{text}";
            await gantry.DockerOutputAsync("build", "-t", tag, context);
        }
        finally
        {
            Directory.Delete(context, recursive: true);
        }
    }

    private Task WaitForReadyAsync(int count) => gantry.WaitAsync($"{count} ready replicas", async () =>
    {
        var ready = await gantry.KubectlOutputAsync("get", "deployment/web", "-o", "jsonpath={.status.readyReplicas}/{.status.replicas}");
        return (ready == $"{count}/{count}", ready);
    });

    private static string Manifest(string image) => $$"""
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 3
          selector:
            matchLabels:
              app: web
          template:
            metadata:
              labels:
                app: web
            spec:
              terminationGracePeriodSeconds: 2
              containers:
              - name: web
                image: {{image}}
                imagePullPolicy: IfNotPresent
                readinessProbe:
                  httpGet:
                    path: /
                    port: 8000
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          type: NodePort
          selector: { app: web }
          ports: [{ port: 80, targetPort: 8000 }]
        """;
}
