using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Translation;
using Gantry.Engine.Containers;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Oci;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Routes;

/// <summary>Images: list, inspect, tag, remove, history, commit.</summary>
internal static class ImageRoutes
{
    internal static async Task ListAsync(DockerRequest request)
    {
        Filters filters = request.Filters().Only("before", "dangling", "label", "label!", "reference", "since", "until");
        ImageFilter filter = Filter(filters) with { All = request.Flag("all") };
        IReadOnlyList<Image> images = await request.Images.ListAsync(filter, request.Aborted).ConfigureAwait(false);
        List<ImageSummaryJson> shown = [.. images.OrderByDescending(image => image.Config.Created).Select(ImageView.Summarize)];
        await request.WriteAsync(shown, DockerJson.Default.ListImageSummaryJson).ConfigureAwait(false);
    }

    internal static async Task InspectAsync(DockerRequest request)
    {
        Image image = await request.Images.ResolveAsync(request["name"], request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(ImageView.Inspect(image), DockerJson.Default.ImageInspectJson).ConfigureAwait(false);
    }

    internal static async Task HistoryAsync(DockerRequest request)
    {
        IReadOnlyList<ImageHistoryItem> history = await request.Images.GetHistoryAsync(request["name"], request.Aborted).ConfigureAwait(false);
        List<ImageHistoryJson> shown = [.. history.Select(item => new ImageHistoryJson(
            item.Id?.ToString() ?? "<missing>", item.Created?.ToUnixTimeSeconds() ?? 0, item.CreatedBy, item.Tags.Count > 0 ? [.. item.Tags] : null, item.SizeBytes, item.Comment))];
        await request.WriteAsync(shown, DockerJson.Default.ListImageHistoryJson).ConfigureAwait(false);
    }

    internal static async Task TagAsync(DockerRequest request)
    {
        string tag = request.Query("tag");
        ImageReference name = ImageReference.Parse(request.Query("repo")).NameOnly().WithTag(tag.Length > 0 ? tag : "latest");
        await request.Images.TagAsync(request["name"], name, request.Aborted).ConfigureAwait(false);
        Publish(request, "tag", name.Familiar);
        await request.WriteStatusAsync(StatusCodes.Status201Created).ConfigureAwait(false);
    }

    internal static async Task RemoveAsync(DockerRequest request)
    {
        IReadOnlyList<ImageRemoval> removals = await request.Images.RemoveAsync(
            request["name"], request.Flag("force"), request.Flag("noprune"), request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(Show(request, removals), DockerJson.Default.ListImageDeleteJson).ConfigureAwait(false);
    }

    internal static async Task PruneAsync(DockerRequest request)
    {
        Filters filters = request.Filters().Only("dangling", "label", "label!", "until");
        bool all = filters["dangling"] is ["false" or "0"];
        ImagePrune prune = await request.Images.PruneAsync(all, Filter(filters) with { Dangling = null }, request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(new ImagePruneJson(Show(request, prune.Removals), prune.FreedBytes), DockerJson.Default.ImagePruneJson).ConfigureAwait(false);
    }

    internal static async Task CommitAsync(DockerRequest request)
    {
        ContainerConfigJson body = await request.ReadAsync(DockerJson.Default.ContainerConfigJson).ConfigureAwait(false);
        ContainerRecord container = request.Engine.Get(request.Query("container"));
        string repo = request.Query("repo");
        string tag = request.Query("tag");
        ImageReference? name = repo.Length == 0 ? null : ImageReference.Parse(repo).NameOnly().WithTag(tag.Length > 0 ? tag : "latest");
        Image image = await request.Engine.CommitAsync(
            container.Id,
            name,
            request.Query("author"),
            request.Query("comment"),
            request.Flag("pause", otherwise: true),
            config => ConfigChanges.Apply(ImageView.Merge(config, body), request.Context.Request.Query["changes"]),
            request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(new IdJson(image.Id.ToString()), DockerJson.Default.IdJson, StatusCodes.Status201Created).ConfigureAwait(false);
    }

    internal static Task DistributionAsync(DockerRequest request) =>
        throw new FaultException(FaultKind.NotImplemented, $"asking the registry about {request["name"]} without pulling is not supported; pull the image");

    internal static void Publish(DockerRequest request, string action, string name) =>
        request.Engine.Events.Publish("image", action, name, [new("name", name)]);

    private static List<ImageDeleteJson> Show(DockerRequest request, IReadOnlyList<ImageRemoval> removals)
    {
        foreach (ImageRemoval removal in removals)
        {
            Publish(request, removal.Untagged is null ? "delete" : "untag", removal.Untagged ?? removal.Deleted.ToString()!);
        }

        return [.. removals.Select(removal => new ImageDeleteJson(removal.Untagged, removal.Deleted?.ToString()))];
    }

    private static ImageFilter Filter(Filters filters) => new()
    {
        References = filters["reference"],
        Dangling = filters["dangling"] is [string dangling, ..] ? dangling is "true" or "1" : null,
        Labels = filters["label"],
        Before = filters["before"].FirstOrDefault(),
        Since = filters["since"].FirstOrDefault(),
        Until = filters["until"] is [string until, ..] ? TimestampText.Parse(until) : null,
    };
}
