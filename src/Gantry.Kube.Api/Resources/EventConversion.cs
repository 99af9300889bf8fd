using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Resources;

/// <summary>Events of events.k8s.io are stored as core events; this renames the fields.</summary>
internal static class EventConversion
{
    /// <summary>Core name, events.k8s.io name.</summary>
    private static readonly (string Core, string Events)[] Renamed =
    [
        ("involvedObject", "regarding"), ("message", "note"), ("reportingComponent", "reportingController"), ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"), ("lastTimestamp", "deprecatedLastTimestamp"), ("count", "deprecatedCount"),
    ];

    public static JsonMap ToCore(JsonMap obj) => Convert(obj, "v1", static p => (p.Events, p.Core));

    public static JsonMap FromCore(JsonMap obj) => Convert(obj, "events.k8s.io/v1", static p => (p.Core, p.Events));

    private static JsonMap Convert(JsonMap obj, string apiVersion, Func<(string Core, string Events), (string From, string To)> direction)
    {
        var result = new JsonMap(obj.Count);
        foreach (var (key, value) in obj)
        {
            var name = key;
            foreach (var pair in Renamed)
            {
                var (from, to) = direction(pair);
                if (key == from)
                {
                    name = to;
                }
            }

            result[name] = value;
        }

        result["apiVersion"] = apiVersion;
        return result;
    }
}
