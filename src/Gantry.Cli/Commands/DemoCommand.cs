using System.Diagnostics;
using System.Globalization;
using Gantry.Cli.Demo;

namespace Gantry.Cli.Commands;

/// <summary>From a Dockerfile to three replicas behind a Service, each step shown with its time.</summary>
internal static class DemoCommand
{
    private const string Base = "debian:bookworm-slim";
    private const string Expected = "Hello, World!";

    public static async Task<int> RunAsync(Instance instance, IReadOnlyList<string> flags)
    {
        var began = Stopwatch.GetTimestamp();
        await UpCommand.RunAsync(instance, flags).ConfigureAwait(false);
        var status = await instance.RequireAsync().ConfigureAwait(false);
        var directory = FindExample();
        var story = new Story(status, directory);
        await EnsureBaseImageAsync(instance, story).ConfigureAwait(false);

        var image = $"localhost:{status.Registry.Split(':')[^1]}/my-flask-app";
        var deployment = await ManifestAsync(instance, directory, image).ConfigureAwait(false);
        await story.RunAsync("Build the image", "docker", "build", "-t", image, ".").ConfigureAwait(false);
        await story.RunAsync("Push it to Gantry's registry (no bytes are copied)", "docker", "push", image).ConfigureAwait(false);
        await story.RunAsync("Ask for three replicas behind a load balancer", "kubectl", "apply", "-f", deployment, "-f", "service.yaml").ConfigureAwait(false);
        await story.RunAsync("Wait until three pods are ready", "kubectl", "rollout", "status", "deployment/my-flask-app", "--timeout=120s").ConfigureAwait(false);
        await story.RunAsync("Look at them", "kubectl", "get", "pods", "-o", "wide").ConfigureAwait(false);
        await FetchAsync(story, image).ConfigureAwait(false);

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nThe whole story took {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s. To go on:"));
        Console.WriteLine($"""

              export DOCKER_HOST=unix://{status.DockerSocket} KUBECONFIG={status.Kubeconfig}
              kubectl get pods,services
              kubectl delete pod -l app=my-flask-app        # they come back
              kubectl scale deployment my-flask-app --replicas=5
              docker ps                                     # the pods' containers
              gantry down                                   # stop everything, keep the data

            """);
        return 0;
    }

    private static async Task FetchAsync(Story story, string image)
    {
        const string Service = "service/my-flask-app";
        var clusterAddress = await story.AskAsync("kubectl", "get", Service, "-o", "jsonpath={.spec.clusterIP}").ConfigureAwait(false);
        var nodePort = await story.AskAsync("kubectl", "get", Service, "-o", "jsonpath={.spec.ports[0].nodePort}").ConfigureAwait(false);
        var balancer = await story.AskAsync("kubectl", "get", Service, "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}").ConfigureAwait(false);
        if (balancer.Length == 0)
        {
            throw new UserErrorException("port 80 of this machine belongs to another Service of type LoadBalancer; see: kubectl get services -A, kubectl describe service my-flask-app");
        }

        await story.FetchAsync("Fetch the page through the ClusterIP", $"http://{clusterAddress}/", Expected).ConfigureAwait(false);
        await story.FetchAsync("Fetch it through the NodePort", $"http://127.0.0.1:{nodePort}/", Expected).ConfigureAwait(false);
        await story.FetchAsync("Fetch it through the LoadBalancer address", $"http://{balancer}/", Expected).ConfigureAwait(false);

        const string Url = "http://my-flask-app.default.svc.cluster.local/";
        const string Program = $"import urllib.request; print(urllib.request.urlopen('{Url}', timeout=10).read().decode(), end='')";
        await story.TryAsync("kubectl", "delete", "pod", "visitor", "--ignore-not-found", "--now").ConfigureAwait(false);
        await story.RunAsync("Ask from inside another pod, by name", "kubectl", "run", "visitor", "--restart=Never", $"--image={image}", "--image-pull-policy=IfNotPresent", "--command", "--", "python3", "-c", Program).ConfigureAwait(false);
        await story.AskAsync("kubectl", "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/visitor", "--timeout=60s").ConfigureAwait(false);
        var answer = await story.RunAsync("Its answer", "kubectl", "logs", "visitor").ConfigureAwait(false);
        await story.AskAsync("kubectl", "delete", "pod", "visitor", "--now").ConfigureAwait(false);
        if (!answer.Contains(Expected, StringComparison.Ordinal))
        {
            throw new UserErrorException($"{Url} answered something else than {Expected} inside the cluster");
        }
    }

    /// <summary>The base image: here already, from a registry, or made from Debian's packages.</summary>
    private static async Task EnsureBaseImageAsync(Instance instance, Story story)
    {
        if (await story.TryAsync("docker", "image", "inspect", Base).ConfigureAwait(false))
        {
            return;
        }

        Console.WriteLine($"\nThe base image {Base} is not here; trying to pull it.");
        using (new Progress("  pulling"))
        {
            if (await story.TryAsync("docker", "pull", Base).ConfigureAwait(false))
            {
                return;
            }
        }

        Console.WriteLine("Docker Hub cannot be reached; making the image from Debian's packages.");
        await ImageCommand.BootstrapAsync(instance, Base).ConfigureAwait(false);
    }

    /// <summary>The deployment's path; a copy with another image name when the registry has another port.</summary>
    private static async Task<string> ManifestAsync(Instance instance, string directory, string image)
    {
        const string Default = "localhost:5000/my-flask-app";
        if (image == Default)
        {
            return "deployment.yaml";
        }

        var text = await File.ReadAllTextAsync(Path.Combine(directory, "deployment.yaml")).ConfigureAwait(false);
        var path = Path.Combine(instance.Root, "demo-deployment.yaml");
        await File.WriteAllTextAsync(path, text.Replace(Default, image, StringComparison.Ordinal)).ConfigureAwait(false);
        return path;
    }

    private static string FindExample()
    {
        // The program lies in artifacts/gantry below the repository.
        var directory = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "examples", "flask"));
        return Directory.Exists(directory) ? directory : throw new UserErrorException($"{directory} does not exist; run the demo from the repository");
    }
}
