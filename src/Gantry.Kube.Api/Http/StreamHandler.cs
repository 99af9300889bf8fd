using System.Globalization;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Strategies;
using Gantry.Kube.Api.Streaming;
using Gantry.Kube.Client;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Http;

/// <summary>Logs of pods, and the streams of exec, attach and port-forward, which the kubelet serves.</summary>
internal sealed partial class StreamHandler(ServerCore core)
{
    private const string DefaultContainer = "kubectl.kubernetes.io/default-container";

    /// <summary>Finds the kubelet of a node; null when the node is not known.</summary>
    public Func<string, INodeProxy?> Nodes { get; set; } = static _ => null;

    public async Task HandleAsync(HttpContext http, RequestInfo info, ResourceType pods)
    {
        var stored = await core.Reader.GetAsync(pods, info.Namespace, info.Name!, http.RequestAborted).ConfigureAwait(false);
        var pod = TypedTree.Read<Pod>(stored.Data.Span);
        switch (info.Subresource)
        {
            case "log": await LogAsync(http, pod).ConfigureAwait(false); break;
            case "portforward": await ForwardAsync(http, pod).ConfigureAwait(false); break;
            default: await ExecuteAsync(http, pod, attach: info.Subresource == "attach").ConfigureAwait(false); break;
        }
    }

    private async Task LogAsync(HttpContext http, Pod pod)
    {
        var query = http.Request.Query;
        var container = ChooseContainer(pod, query["container"]);
        if (string.IsNullOrEmpty(pod.Spec?.NodeName))
        {
            // As upstream: a pod without a node has an empty log.
            http.Response.StatusCode = 200;
            http.Response.ContentType = "text/plain";
            return;
        }

        var node = Node(pod);
        var since = KubeTime.TryParse(query["sinceTime"].ToString(), out var time) ? time
            : Number(query["sinceSeconds"]) is { } seconds ? core.Time.GetUtcNow().AddSeconds(-seconds)
            : (DateTimeOffset?)null;
        var request = new PodLogRequest(container, query["follow"] == "true", query["previous"] == "true", query["timestamps"] == "true", Number(query["tailLines"]), Number(query["limitBytes"]), since);
        http.Response.ContentType = "text/plain";
        var output = new FlushingStream(http.Response.Body, request.Follow);
        await node.LogsAsync(Reference(pod), request, output, http.RequestAborted).ConfigureAwait(false);
    }

    private INodeProxy Node(Pod pod)
        => Nodes(pod.Spec!.NodeName!) ?? throw StatusErrors.Internal($"the kubelet of node \"{pod.Spec.NodeName}\" cannot be reached");

    private static PodReference Reference(Pod pod) => new(pod.Metadata.Namespace!, pod.Metadata.Name!, pod.Metadata.Uid!, pod.Spec!.NodeName!);

    /// <summary>The container that is asked for, or the only one, or the annotated default.</summary>
    private static string ChooseContainer(Pod pod, string? asked)
    {
        var spec = pod.Spec ?? new();
        var all = spec.Containers.Select(static c => c.Name).Concat(spec.InitContainers?.Select(static c => c.Name) ?? []).ToList();
        if (!string.IsNullOrEmpty(asked))
        {
            return all.Contains(asked) ? asked : throw StatusErrors.BadRequest($"container {asked} is not valid for pod {pod.Metadata.Name}");
        }

        if (all.Count == 1)
        {
            return all[0];
        }

        if (pod.Metadata.Annotations?.TryGetValue(DefaultContainer, out var named) == true && all.Contains(named))
        {
            return named;
        }

        throw StatusErrors.BadRequest($"a container name must be specified for pod {pod.Metadata.Name}, choose one of: [{string.Join(' ', spec.Containers.Select(static c => c.Name))}]"
            + (spec.InitContainers is { Count: > 0 } init ? $" or one of the init containers: [{string.Join(' ', init.Select(static c => c.Name))}]" : ""));
    }

    private static long? Number(string? text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
}
