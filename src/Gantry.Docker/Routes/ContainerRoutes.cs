using System.Globalization;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Translation;
using Gantry.Engine.Containers;
using Gantry.Faults;
using Gantry.Images;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Routes;

/// <summary>Containers: list, create, and their life.</summary>
internal static class ContainerRoutes
{
    internal static async Task ListAsync(DockerRequest request)
    {
        Filters filters = request.Filters().Only(
            "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "label!", "name", "network", "publish", "since", "status", "volume");
        ContainerFilter filter = new(request.Engine, filters);
        bool all = request.Flag("all") || filters["status"].Count > 0 || filters["exited"].Count > 0;
        int limit = request.Number("limit") is > 0 and { } number ? number : int.MaxValue;
        ContainerView view = new(request.Engine);
        IEnumerable<ContainerRecord> found = request.Engine.List()
            .Where(container => all || limit != int.MaxValue || container.IsRunning || container.Status == ContainerStatus.Restarting)
            .Where(filter.Matches)
            .OrderByDescending(container => container.CreatedAt)
            .Take(limit);
        List<ContainerSummaryJson> summaries = [.. found.Select(view.Summarize)];
        if (request.Flag("size"))
        {
            for (int index = 0; index < summaries.Count; index++)
            {
                summaries[index] = await WithSizeAsync(request, summaries[index]).ConfigureAwait(false);
            }
        }

        await request.WriteAsync(summaries, DockerJson.Default.ListContainerSummaryJson).ConfigureAwait(false);
    }

    internal static async Task CreateAsync(DockerRequest request)
    {
        CreateContainerJson body = await request.ReadAsync(DockerJson.Default.CreateContainerJson).ConfigureAwait(false);
        ContainerSpec spec = SpecTranslation.Translate(body, request.Query("name"));
        ContainerRecord container = await request.Engine.CreateAsync(spec, request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(new CreatedJson(container.Id, []), DockerJson.Default.CreatedJson, StatusCodes.Status201Created).ConfigureAwait(false);
    }

    internal static Task InspectAsync(DockerRequest request) =>
        request.WriteAsync(new ContainerView(request.Engine).Inspect(request.Engine.Get(request["id"])), DockerJson.Default.ContainerInspectJson);

    internal static async Task StartAsync(DockerRequest request)
    {
        await request.Engine.StartAsync(request["id"], CancellationToken.None).ConfigureAwait(false);
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task StopAsync(DockerRequest request)
    {
        await request.Engine.StopAsync(request["id"], Timeout(request), request.Query("signal"), request.Aborted).ConfigureAwait(false);
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task RestartAsync(DockerRequest request)
    {
        await request.Engine.RestartAsync(request["id"], Timeout(request), request.Query("signal"), CancellationToken.None).ConfigureAwait(false);
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task KillAsync(DockerRequest request)
    {
        await request.Engine.KillAsync(request["id"], request.Query("signal"), request.Aborted).ConfigureAwait(false);
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task UpdateAsync(DockerRequest request)
    {
        UpdateContainerJson body = await request.ReadAsync(DockerJson.Default.UpdateContainerJson).ConfigureAwait(false);
        ResourceSpec before = request.Engine.Get(request["id"]).Spec.Resources;
        ResourceSpec asked = SpecTranslation.Resources(body);
        // What the client leaves out it does not want to change.
        ResourceSpec merged = before with
        {
            Memory = asked.Memory != 0 ? asked.Memory : before.Memory,
            MemorySwap = asked.MemorySwap != 0 ? asked.MemorySwap : before.MemorySwap,
            MemoryReservation = asked.MemoryReservation != 0 ? asked.MemoryReservation : before.MemoryReservation,
            NanoCpus = asked.NanoCpus != 0 ? asked.NanoCpus : before.NanoCpus,
            CpuShares = asked.CpuShares != 0 ? asked.CpuShares : before.CpuShares,
            CpuQuota = asked.CpuQuota != 0 ? asked.CpuQuota : before.CpuQuota,
            CpuPeriod = asked.CpuPeriod != 0 ? asked.CpuPeriod : before.CpuPeriod,
            CpusetCpus = asked.CpusetCpus.Length > 0 ? asked.CpusetCpus : before.CpusetCpus,
            CpusetMems = asked.CpusetMems.Length > 0 ? asked.CpusetMems : before.CpusetMems,
            PidsLimit = asked.PidsLimit ?? before.PidsLimit,
            BlkioWeight = asked.BlkioWeight != 0 ? asked.BlkioWeight : before.BlkioWeight,
        };
        RestartPolicy? policy = body.RestartPolicy?.Name is { Length: > 0 } ? SpecTranslation.RestartPolicy(body.RestartPolicy) : null;
        await request.Engine.UpdateAsync(request["id"], merged == before ? null : merged, policy, request.Aborted).ConfigureAwait(false);
        await request.WriteAsync(new UpdatedJson([]), DockerJson.Default.UpdatedJson).ConfigureAwait(false);
    }

    internal static async Task RenameAsync(DockerRequest request)
    {
        string name = request.Query("name");
        if (name.Length == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, "Neither old nor new names may be empty");
        }

        await request.Engine.RenameAsync(request["id"], name, request.Aborted).ConfigureAwait(false);
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task PauseAsync(DockerRequest request)
    {
        await request.Engine.PauseAsync(request["id"], request.Aborted).ConfigureAwait(false);
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task UnpauseAsync(DockerRequest request)
    {
        await request.Engine.UnpauseAsync(request["id"], request.Aborted).ConfigureAwait(false);
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task RemoveAsync(DockerRequest request)
    {
        if (request.Flag("link"))
        {
            throw new FaultException(FaultKind.NotImplemented, "container links are not supported; use a user-defined network");
        }

        await request.Engine.RemoveAsync(request["id"], request.Flag("force"), request.Flag("v"), CancellationToken.None).ConfigureAwait(false);
        await request.NoContentAsync().ConfigureAwait(false);
    }

    internal static async Task PruneAsync(DockerRequest request)
    {
        Filters filters = request.Filters().Only("label", "label!", "until");
        DateTimeOffset until = filters["until"] is [string text, ..] ? TimestampText.Parse(text) ?? DateTimeOffset.MaxValue : DateTimeOffset.MaxValue;
        List<string> deleted = [];
        foreach (ContainerRecord container in request.Engine.List())
        {
            bool idle = container.Status is ContainerStatus.Created or ContainerStatus.Exited or ContainerStatus.Dead;
            if (idle && container.Spec.SandboxId is null && container.CreatedAt < until && filters.MatchLabels(container.Spec.Labels))
            {
                await request.Engine.RemoveAsync(container.Id, force: false, removeVolumes: false, request.Aborted).ConfigureAwait(false);
                deleted.Add(container.Id);
            }
        }

        await request.WriteAsync(new ContainerPruneJson(deleted, 0), DockerJson.Default.ContainerPruneJson).ConfigureAwait(false);
    }

    private static async Task<ContainerSummaryJson> WithSizeAsync(DockerRequest request, ContainerSummaryJson summary)
    {
        if (summary.ImageID.Length == 0)
        {
            return summary;
        }

        long own = (await request.Images.Snapshots.GetUsageAsync(summary.Id, request.Aborted).ConfigureAwait(false)).SizeBytes;
        long image = (await request.Images.FindAsync(summary.ImageID, request.Aborted).ConfigureAwait(false))?.SizeBytes ?? 0;
        return summary with { SizeRw = own, SizeRootFs = own + image };
    }

    private static TimeSpan? Timeout(DockerRequest request) => request.Number("t") is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
}
