using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Gantry.Kube.Model.Core.V1;
using Xunit.Abstractions;

namespace Gantry.Kube.Api.Tests.Kubectl;

/// <summary>The unmodified kubectl, each version that the machine has, against a server with TLS.</summary>
public sealed class KubectlTests(ClusterFixture fixture, ITestOutputHelper log) : IClassFixture<ClusterFixture>
{
    [Theory]
    [MemberData(nameof(KubectlBinaries.All), MemberType = typeof(KubectlBinaries))]
    public async Task Kubectl_ThroughADeploymentsLife_SaysWhatItSaysUpstream(string kubectl)
    {
        if (kubectl == "none")
        {
            log.WriteLine("NOT RUN: there is no kubectl on the PATH");
            return;
        }

        var ns = await NamespaceAsync(kubectl);
        var file = Path.Combine(fixture.Cluster.Root, ns + ".yaml");
        await File.WriteAllTextAsync(file, Manifest(3, "app:1"));
        await SaysAsync(kubectl, ns, "deployment.apps/web created\nservice/web created\n", "apply", "-f", file);
        await SaysAsync(kubectl, ns, "deployment.apps/web unchanged\nservice/web unchanged\n", "apply", "-f", file);
        await File.WriteAllTextAsync(file, Manifest(4, "app:2"));
        await SaysAsync(kubectl, ns, "deployment.apps/web configured\nservice/web unchanged\n", "apply", "-f", file);
        await SaysAsync(kubectl, ns, "4 app:2", "get", "deployment", "web", "-o", "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}");
        await SaysAsync(kubectl, ns, "deployment.apps/web scaled\n", "scale", "deployment", "web", "--replicas=2");
        await SaysAsync(kubectl, ns, "deployment.apps/web image updated\n", "set", "image", "deployment/web", "c=app:3");
        await SaysAsync(kubectl, ns, "deployment.apps/web restarted\n", "rollout", "restart", "deployment/web");
        await SaysAsync(kubectl, ns, "deployment.apps/web labeled\n", "label", "deployment", "web", "tier=front");
        await SaysAsync(kubectl, ns, "deployment.apps/web patched\n", "patch", "deployment", "web", "-p", """{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"1"}]}]}}}}""");
        await SaysAsync(kubectl, ns, "deployment.apps/web condition met\n", "wait", "--for=jsonpath={.spec.replicas}=2", "deployment/web", "--timeout=5s");
        await SaysAsync(kubectl, ns, "configmap/m created\n", "create", "configmap", "m", "--from-literal=a=b");
        await SaysAsync(kubectl, ns, "yes\n", "auth", "can-i", "create", "pods");
        await SaysAsync(kubectl, ns, "deployment.apps/web serverside-applied\nservice/web serverside-applied\n", "apply", "--server-side", "--force-conflicts", "-f", file);
        await SaysAsync(kubectl, ns, "deployment.apps \"web\" deleted\nservice \"web\" deleted\n", "delete", "-f", file);
    }

    [Theory]
    [MemberData(nameof(KubectlBinaries.All), MemberType = typeof(KubectlBinaries))]
    public async Task Kubectl_ReadsDiscoveryAndSchemas(string kubectl)
    {
        if (kubectl == "none")
        {
            log.WriteLine("NOT RUN: there is no kubectl on the PATH");
            return;
        }

        var (_, resources, _) = await RunAsync(kubectl, "default", null, "api-resources");
        foreach (var kind in (string[])["Pod", "Service", "Deployment", "EndpointSlice", "Lease", "ClusterRoleBinding", "Event"])
        {
            Assert.Contains(kind, resources);
        }

        foreach (var (path, expected) in ((string, string)[])[("deployment.spec.strategy.type", "<string>"), ("pods.spec.containers.livenessProbe.httpGet", "port"), ("svc.spec.ports", "nodePort"), ("lease.spec", "renewTime"), ("clusterrole.rules", "verbs")])
        {
            var (code, text, error) = await RunAsync(kubectl, "default", null, "explain", path);
            Assert.True(code == 0 && text.Contains(expected, StringComparison.Ordinal), path + ": " + text + error);
        }

        var (_, bad, message) = await RunAsync(kubectl, "default", "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: [{name: a, image: b, foo: 1}]}\n", "create", "-f", "-");
        Assert.Contains("strict decoding error: unknown field \"spec.containers[0].foo\"", bad + message);
    }

    [Theory]
    [MemberData(nameof(KubectlBinaries.All), MemberType = typeof(KubectlBinaries))]
    public async Task Kubectl_ExecLogsAndPortForward_CarryTheirStreams(string kubectl)
    {
        if (kubectl == "none")
        {
            log.WriteLine("NOT RUN: there is no kubectl on the PATH");
            return;
        }

        fixture.Cluster.Server.Nodes = static _ => new FakeNode();
        var ns = await NamespaceAsync(kubectl);
        await fixture.Cluster.Client.CreateAsync(new Pod { Metadata = { Name = "p", Namespace = ns }, Spec = new() { NodeName = "n", Containers = [new() { Name = "c", Image = "i" }] } });
        await fixture.CallAsync("PATCH", $"/api/v1/namespaces/{ns}/pods/p/status", """{"status":{"phase":"Running"}}""", "application/merge-patch+json");
        var (code, output, error) = await RunAsync(kubectl, ns, null, "exec", "p", "--", "sh", "-c", "echo out; echo err >&2; exit 3");
        var big = string.Concat(Enumerable.Range(0, 200_000).Select(static i => (char)('a' + (i % 26)))) + "\n";

        Assert.Equal((3, "out\n"), (code, output));
        Assert.Contains("err\n", error);
        Assert.Equal(big, (await RunAsync(kubectl, ns, big, "exec", "-i", "p", "--", "cat")).Output);
        Assert.Equal("p/c line 0\np/c line 1\n", (await RunAsync(kubectl, ns, null, "logs", "p", "--tail=2")).Output);
        await ForwardsAsync(kubectl, ns);
    }

    private async Task ForwardsAsync(string kubectl, string ns)
    {
        using var target = new TcpListener(IPAddress.Loopback, 0);
        target.Start();
        using var forward = Start(kubectl, ns, "port-forward", "pod/p", $":{((IPEndPoint)target.LocalEndpoint).Port}");
        try
        {
            var line = await forward.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(10)) ?? "";
            Assert.StartsWith("Forwarding from 127.0.0.1:", line);
            var port = int.Parse(line.Split(':')[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
            for (var i = 0; i < 3; i++)
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                using var server = await target.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(10));
                await client.GetStream().WriteAsync("ping"u8.ToArray());
                var buffer = new byte[4];
                await server.GetStream().ReadExactlyAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
                await server.GetStream().WriteAsync("pong"u8.ToArray());
                await client.GetStream().ReadExactlyAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
                Assert.Equal("pong"u8.ToArray(), buffer);
            }
        }
        finally
        {
            forward.Kill();
        }
    }

    private async Task<string> NamespaceAsync(string kubectl)
    {
        var ns = "ns-" + Path.GetFileName(kubectl).Replace(".", "-", StringComparison.Ordinal) + "-" + Guid.NewGuid().ToString("n")[..6];
        await fixture.CallAsync("POST", "/api/v1/namespaces", $$"""{"metadata":{"name":"{{ns}}"} }""");
        return ns;
    }

    private async Task SaysAsync(string kubectl, string ns, string expected, params string[] arguments)
    {
        var (_, output, error) = await RunAsync(kubectl, ns, null, arguments);

        Assert.Equal(expected, output + error);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(string kubectl, string ns, string? input, params string[] arguments)
    {
        using var process = Start(kubectl, ns, arguments);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var error = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.StandardInput.WriteAsync((input ?? "").AsMemory(), limit.Token);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"kubectl {string.Join(' ', arguments)}");
        }

        return (process.ExitCode, await output, await error);
    }

    private Process Start(string kubectl, string ns, params string[] arguments)
    {
        var start = new ProcessStartInfo(kubectl, ["--kubeconfig", fixture.Cluster.Kubeconfig, "--cache-dir", Path.Combine(fixture.Cluster.Root, "cache"), "-n", ns, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    private static string Manifest(int replicas, string image) => $$"""
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, labels: {app: web} }
        spec:
          replicas: {{replicas}}
          selector: {matchLabels: {app: web} }
          template:
            metadata: {labels: {app: web} }
            spec: {containers: [{name: c, image: "{{image}}", ports: [{containerPort: 80}], readinessProbe: {httpGet: {path: /, port: 80} } }]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 80}]}
        """;
}
