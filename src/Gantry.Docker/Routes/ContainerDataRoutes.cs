using System.Text.Json;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Translation;
using Gantry.Engine.Archives;
using Gantry.Engine.Containers;
using Gantry.Engine.Stats;
using Gantry.Faults;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gantry.Docker.Routes;

/// <summary>What is in a container: processes, usage, files.</summary>
internal static class ContainerDataRoutes
{
    internal static Task TopAsync(DockerRequest request)
    {
        ProcessTable table = request.Engine.ListProcesses(request["id"]);
        return request.WriteAsync(new TopJson([.. table.Titles], [.. table.Rows.Select(row => row.ToList())]), DockerJson.Default.TopJson);
    }

    internal static async Task ChangesAsync(DockerRequest request)
    {
        IReadOnlyList<FileChange> changes = await request.Engine.ListChangesAsync(request["id"], request.Aborted).ConfigureAwait(false);
        await request.WriteAsync([.. changes.Select(change => new ChangeJson(change.Path, (int)change.Kind))], DockerJson.Default.ListChangeJson).ConfigureAwait(false);
    }

    internal static async Task ExportAsync(DockerRequest request)
    {
        ContainerRecord container = request.Engine.Get(request["id"]);
        Stream body = BeginArchive(request);
        await request.Engine.ExportAsync(container.Id, body, request.Aborted).ConfigureAwait(false);
    }

    internal static async Task StatsAsync(DockerRequest request)
    {
        ContainerRecord container = request.Engine.Get(request["id"]);
        bool stream = request.Flag("stream", otherwise: true);
        bool oneShot = request.Flag("one-shot");
        HttpResponse response = request.Context.Response;
        response.ContentType = "application/json";
        UsageSample? previous = oneShot || stream ? null : request.Engine.SampleUsage(container.Id);
        if (!stream && !oneShot)
        {
            // The client wants a difference: a second sample after a second, as Docker's collector gives.
            await Task.Delay(TimeSpan.FromSeconds(1), request.Aborted).ConfigureAwait(false);
        }

        do
        {
            UsageSample sample = request.Engine.SampleUsage(container.Id);
            byte[] line = JsonSerializer.SerializeToUtf8Bytes(StatsView.Show(request.Engine.Get(container.Id), sample, previous), DockerStreamJson.Default.StatsJson);
            await response.Body.WriteAsync((byte[])[.. line, (byte)'\n'], request.Aborted).ConfigureAwait(false);
            await response.Body.FlushAsync(request.Aborted).ConfigureAwait(false);
            previous = sample;
            if (stream)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), request.Aborted).ConfigureAwait(false);
            }
        }
        while (stream && request.Engine.Find(container.Id) is not null);
    }

    internal static async Task StatPathAsync(DockerRequest request)
    {
        PathStatus status = await request.Engine.StatPathAsync(request["id"], PathOf(request), request.Aborted).ConfigureAwait(false);
        SetStatus(request, status);
    }

    internal static async Task GetArchiveAsync(DockerRequest request)
    {
        PathStatus status = await request.Engine.StatPathAsync(request["id"], PathOf(request), request.Aborted).ConfigureAwait(false);
        SetStatus(request, status);
        Stream body = BeginArchive(request);
        await request.Engine.ReadArchiveAsync(request["id"], PathOf(request), body, request.Aborted).ConfigureAwait(false);
    }

    internal static async Task PutArchiveAsync(DockerRequest request)
    {
        AllowSynchronous(request);
        await request.Engine.WriteArchiveAsync(request["id"], PathOf(request), request.Context.Request.Body, request.Flag("noOverwriteDirNonDir"), request.Aborted).ConfigureAwait(false);
    }

    private static Stream BeginArchive(DockerRequest request)
    {
        AllowSynchronous(request);
        request.Context.Response.ContentType = "application/x-tar";
        return request.Context.Response.Body;
    }

    /// <summary>Archives are written and read by blocking calls on a thread of their own.</summary>
    private static void AllowSynchronous(DockerRequest request) => request.Context.Features.Get<IHttpBodyControlFeature>()?.AllowSynchronousIO = true;

    private static string PathOf(DockerRequest request) => request.Query("path") is { Length: > 0 } path
        ? path
        : throw new FaultException(FaultKind.InvalidArgument, "missing parameter path");

    private static void SetStatus(DockerRequest request, PathStatus status)
    {
        PathStatJson json = new()
        {
            Name = status.Name,
            Size = status.SizeBytes,
            Mode = status.GoMode,
            Modified = TimestampText.Format(status.Modified),
            LinkTarget = status.LinkTarget,
        };
        request.Context.Response.Headers["X-Docker-Container-Path-Stat"] = Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(json, DockerStreamJson.Default.PathStatJson));
    }
}
