using System.Text.Json;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Engine.Events;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Routes;

/// <summary>The stream of events.</summary>
internal static class EventRoutes
{
    internal static async Task EventsAsync(DockerRequest request)
    {
        Filters filters = request.Filters().Only("action", "config", "container", "daemon", "event", "image", "label", "label!", "network", "node", "plugin", "scope", "secret", "service", "type", "volume");
        DateTimeOffset? since = request.Time("since");
        DateTimeOffset? until = request.Time("until");
        HttpResponse response = request.Context.Response;
        response.ContentType = "application/json";
        await response.StartAsync(request.Aborted).ConfigureAwait(false);
        await response.Body.FlushAsync(request.Aborted).ConfigureAwait(false);
        if (until is { } past && past <= DateTimeOffset.UtcNow)
        {
            foreach (EngineEvent happened in request.Engine.Events.Past(since ?? DateTimeOffset.UnixEpoch).Where(happened => happened.Time <= past && Matches(happened, filters)))
            {
                await WriteAsync(request, happened).ConfigureAwait(false);
            }

            return;
        }

        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(request.Aborted);
        if (until is { } limit)
        {
            end.CancelAfter(limit - DateTimeOffset.UtcNow);
        }

        await foreach (EngineEvent happened in request.Engine.Events.SubscribeAsync(since, end.Token).ConfigureAwait(false))
        {
            if (Matches(happened, filters))
            {
                await WriteAsync(request, happened).ConfigureAwait(false);
            }
        }
    }

    private static async Task WriteAsync(DockerRequest request, EngineEvent happened)
    {
        bool isContainer = happened.Type == "container";
        EventJson json = new()
        {
            Status = isContainer || happened.Type == "image" ? happened.Action : null,
            Id = isContainer || happened.Type == "image" ? happened.Id : null,
            From = isContainer ? happened.Attributes.GetValueOrDefault("image") : null,
            Type = happened.Type,
            Action = happened.Action,
            Actor = new EventActorJson(happened.Id, happened.Attributes),
            Time = happened.Time.ToUnixTimeSeconds(),
            TimeNano = TimestampText.Nanoseconds(happened.Time),
        };
        Stream body = request.Context.Response.Body;
        await body.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(json, DockerStreamJson.Default.EventJson), (byte)'\n'], request.Aborted).ConfigureAwait(false);
        await body.FlushAsync(request.Aborted).ConfigureAwait(false);
    }

    private static bool Matches(EngineEvent happened, Filters filters)
    {
        bool IsObject(string type, string value) => happened.Type == type
            && (happened.Id.StartsWith(value, StringComparison.Ordinal) || happened.Attributes.GetValueOrDefault("name") == value);
        string action = happened.Action.Split(':')[0];
        return filters.Match("type", type => happened.Type == type)
            && filters.Match("event", name => action == name || happened.Action == name)
            && filters.Match("action", name => action == name || happened.Action == name)
            && filters.Match("container", value => IsObject("container", value))
            && filters.Match("volume", value => IsObject("volume", value))
            && filters.Match("network", value => IsObject("network", value))
            && filters.Match("image", value => IsObject("image", value) || happened.Attributes.GetValueOrDefault("image") == value)
            && filters.Match("scope", scope => scope == "local")
            && filters.Match("daemon", _ => false)
            && filters.MatchLabels(happened.Attributes);
    }
}
