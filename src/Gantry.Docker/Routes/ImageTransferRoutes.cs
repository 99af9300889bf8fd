using System.Text.Json.Nodes;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Streams;
using Gantry.Docker.Translation;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Oci;

namespace Gantry.Docker.Routes;

/// <summary>Images on their way: pull, import, push, save, load.</summary>
internal static class ImageTransferRoutes
{
    internal static Task CreateAsync(DockerRequest request) => request.Query("fromSrc").Length > 0 ? ImportAsync(request) : PullAsync(request);

    internal static Task PushAsync(DockerRequest request)
    {
        string tag = request.Query("tag");
        ImageReference name = ImageReference.Parse(request["name"]);
        ImageReference reference = tag.Length > 0 ? name.NameOnly().WithTag(tag) : name;
        return ProgressWriter.RunAsync(request, async progress =>
        {
            IReadOnlyList<PushResult> pushed = await request.Images.PushAsync(
                new PushRequest(reference) { Credentials = RegistryAuth.Of(request.Context.Request), Progress = progress.Send }, request.Aborted).ConfigureAwait(false);
            foreach (PushResult result in pushed)
            {
                progress.Send(new ProgressJson
                {
                    Aux = new JsonObject { ["Tag"] = result.Tag, ["Digest"] = result.Digest.ToString(), ["Size"] = result.SizeBytes },
                });
            }

            ImageRoutes.Publish(request, "push", reference.Familiar);
        });
    }

    internal static Task SaveAsync(DockerRequest request) => SaveAsync(request, [request["name"]]);

    internal static Task SaveSeveralAsync(DockerRequest request)
    {
        string[] names = [.. request.Context.Request.Query["names"].OfType<string>().SelectMany(name => name.Split(',')).Where(name => name.Length > 0)];
        return names.Length > 0 ? SaveAsync(request, names) : throw new FaultException(FaultKind.InvalidArgument, "missing parameter names");
    }

    internal static Task LoadAsync(DockerRequest request) => ProgressWriter.RunAsync(request, async progress =>
    {
        IReadOnlyList<Image> images = await request.Images.LoadAsync(request.Context.Request.Body, request.Aborted).ConfigureAwait(false);
        foreach (Image image in images)
        {
            IEnumerable<string> lines = image.RepoTags.Count > 0 ? image.RepoTags.Select(tag => $"Loaded image: {tag}\n") : [$"Loaded image ID: {image.Id}\n"];
            foreach (string line in lines)
            {
                progress.Send(new ProgressJson { Stream = line });
            }

            ImageRoutes.Publish(request, "load", image.Id.ToString());
        }
    });

    internal static Task SearchAsync(DockerRequest request) =>
        throw new FaultException(FaultKind.NotImplemented, $"searching Docker Hub for {request.Query("term")} is not supported; look at https://hub.docker.com");

    private static Task PullAsync(DockerRequest request)
    {
        ImageReference reference = ImageReference.Parse(request.Query("fromImage"));
        string tag = request.Query("tag");
        if (tag.Length > 0)
        {
            reference = tag.Contains(':', StringComparison.Ordinal) ? reference.WithDigest(Digest.Parse(tag)) : reference.NameOnly().WithTag(tag);
        }

        Platform? platform = request.Query("platform") is { Length: > 0 } text ? Platform.Parse(text) : null;
        return ProgressWriter.RunAsync(request, async progress =>
        {
            await request.Images.PullAsync(
                new PullRequest(reference) { Platform = platform, Credentials = RegistryAuth.Of(request.Context.Request), Progress = progress.Send }, request.Aborted).ConfigureAwait(false);
            ImageRoutes.Publish(request, "pull", reference.WithDefaultTag().Familiar);
        });
    }

    private static Task ImportAsync(DockerRequest request)
    {
        if (request.Query("fromSrc") != "-")
        {
            throw new FaultException(FaultKind.NotImplemented, "importing from a URL is not supported; fetch the archive and pipe it to docker import -");
        }

        string repo = request.Query("repo");
        string tag = request.Query("tag");
        ImageReference? name = repo.Length == 0 ? null : tag.Length > 0 ? ImageReference.Parse(repo).NameOnly().WithTag(tag) : ImageReference.Parse(repo).WithDefaultTag();
        ContainerConfig config = ConfigChanges.Apply(new ContainerConfig(), request.Context.Request.Query["changes"]);
        return ProgressWriter.RunAsync(request, async progress =>
        {
            Image image = await request.Images.ImportAsync(request.Context.Request.Body, config, request.Query("message"), name is null ? [] : [name], request.Aborted).ConfigureAwait(false);
            progress.Send(new ProgressJson { Status = image.Id.ToString() });
            ImageRoutes.Publish(request, "import", image.Id.ToString());
        });
    }

    private static async Task SaveAsync(DockerRequest request, IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            await request.Images.ResolveAsync(name, request.Aborted).ConfigureAwait(false);
        }

        request.Context.Response.ContentType = "application/x-tar";
        await request.Images.SaveAsync(names, request.Context.Response.Body, request.Aborted).ConfigureAwait(false);
    }
}
