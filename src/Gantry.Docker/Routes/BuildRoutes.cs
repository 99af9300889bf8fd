using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gantry.Build;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Streams;
using Gantry.Docker.Translation;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Oci;

namespace Gantry.Docker.Routes;

/// <summary>Builds by the classic builder's call.</summary>
internal static class BuildRoutes
{
    internal static Task BuildAsync(DockerRequest request)
    {
        if (request.Query("version") == "2")
        {
            throw new FaultException(FaultKind.InvalidArgument, "BuildKit is not supported by Gantry; build with DOCKER_BUILDKIT=0");
        }

        if (request.Query("remote").Length > 0)
        {
            throw new FaultException(FaultKind.NotImplemented, "remote build contexts are not supported; fetch the context and send it");
        }

        List<ImageReference> tags = [.. request.Context.Request.Query["t"].OfType<string>().Select(tag => ImageReference.Parse(tag).WithDefaultTag())];
        return ProgressWriter.RunAsync(request, async progress =>
        {
            bool quiet = request.Flag("q");
            BuildRequest build = new()
            {
                Context = request.Context.Request.Body,
                DockerfilePath = request.Query("dockerfile", "Dockerfile"),
                Tags = tags,
                BuildArgs = Map(request.Query("buildargs")),
                Labels = Map(request.Query("labels")).ToDictionary(pair => pair.Key, pair => pair.Value ?? ""),
                Target = request.Query("target"),
                NoCache = request.Flag("nocache"),
                Pull = request.Flag("pull"),
                Platform = request.Query("platform") is { Length: > 0 } platform ? Platform.Parse(platform) : null,
                NetworkMode = request.Query("networkmode", "default"),
                ExtraHosts = [.. request.Query("extrahosts").Split(',', StringSplitOptions.RemoveEmptyEntries)],
                MemoryBytes = Size(request, "memory"),
                ShmSizeBytes = Size(request, "shmsize"),
                CredentialsFor = RegistryAuth.OfBuild(request.Context.Request),
                Output = message => Send(progress, message, quiet),
            };
            Image image = await request.Services.Builder.BuildAsync(build, request.Aborted).ConfigureAwait(false);
            if (quiet)
            {
                progress.Send(new ProgressJson { Stream = image.Id + "\n" });
            }
        });
    }

    internal static async Task PruneAsync(DockerRequest request)
    {
        long freed = await request.Services.Builder.PruneCacheAsync(request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(new BuildPruneJson([], freed), DockerJson.Default.BuildPruneJson).ConfigureAwait(false);
    }

    internal static Task CancelAsync(DockerRequest request) => request.NoContentAsync();

    private static void Send(ProgressWriter progress, BuildMessage message, bool quiet)
    {
        if (message.Stream is { } text && !quiet)
        {
            progress.Send(new ProgressJson { Stream = text });
        }

        if (message.Progress is { } pull && !quiet)
        {
            progress.Send(pull);
        }

        if (message.ImageId is { } id)
        {
            progress.Send(new ProgressJson { Aux = new JsonObject { ["ID"] = id.ToString() } });
        }
    }

    private static Dictionary<string, string?> Map(string text)
    {
        if (text.Length == 0)
        {
            return [];
        }

        try
        {
            return JsonSerializer.Deserialize(text, DockerJson.Default.DictionaryStringString) is { } map ? map.ToDictionary(pair => pair.Key, pair => (string?)pair.Value) : [];
        }
        catch (JsonException exception)
        {
            throw new FaultException(FaultKind.InvalidArgument, "error reading build args: " + exception.Message, exception);
        }
    }

    private static long Size(DockerRequest request, string name) =>
        long.TryParse(request.Query(name), NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : 0;
}
