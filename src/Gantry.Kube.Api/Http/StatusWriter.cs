using System.Globalization;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Client;

namespace Gantry.Kube.Api.Http;

/// <summary>Renders metav1.Status.</summary>
internal static class StatusWriter
{
    public static JsonMap Failure(KubeStatusException e)
    {
        var status = new JsonMap { ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonMap(), ["status"] = "Failure", ["message"] = e.Message, ["reason"] = e.Reason };
        if (e.Details is { } details)
        {
            status["details"] = Details(details);
        }

        status["code"] = (long)e.Code;
        return status;
    }

    public static JsonMap Success(string? name, string group, string plural, string? uid)
    {
        var details = new JsonMap();
        Add(details, "name", name);
        Add(details, "group", group);
        Add(details, "kind", plural);
        Add(details, "uid", uid);
        return new JsonMap { ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonMap(), ["status"] = "Success", ["details"] = details };
    }

    private static JsonMap Details(KubeStatusDetails details)
    {
        var map = new JsonMap();
        Add(map, "name", details.Name);
        Add(map, "group", details.Group);
        Add(map, "kind", details.Kind);
        Add(map, "uid", details.Uid);
        if (details.Causes is { Count: > 0 } causes)
        {
            map["causes"] = causes.Select(static cause =>
            {
                var item = new JsonMap();
                Add(item, "reason", cause.Reason);
                Add(item, "message", cause.Message);
                Add(item, "field", cause.Field);
                return (object?)item;
            }).ToList();
        }

        if (details.RetryAfterSeconds is { } seconds)
        {
            map["retryAfterSeconds"] = (long)seconds;
        }

        return map;
    }

    private static void Add(JsonMap map, string key, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            map[key] = value;
        }
    }

    public static string RetryAfter(KubeStatusException e) => (e.Details?.RetryAfterSeconds ?? 1).ToString(CultureInfo.InvariantCulture);
}
