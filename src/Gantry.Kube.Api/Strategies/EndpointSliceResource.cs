using System.Net;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

/// <summary>EndpointSlices.</summary>
internal sealed class EndpointSliceResource : ResourceStrategy
{
    /// <summary>Upstream's maxEndpoints and maxPorts.</summary>
    private const int MaxEndpoints = 1000;

    public override bool CountsGenerations => true;

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        if (string.IsNullOrEmpty(obj.Text("addressType")))
        {
            errors.Required("addressType");
        }

        if (obj.List("endpoints") is { Count: > MaxEndpoints })
        {
            errors.TooLong("endpoints", MaxEndpoints);
        }

        var index = 0;
        foreach (var endpoint in obj.Maps("endpoints"))
        {
            var at = PodRules.Index("endpoints", index++) + ".addresses";
            var addresses = endpoint.List("addresses") ?? [];
            if (addresses.Count == 0)
            {
                errors.Required(at, "must contain at least 1 address");
            }

            for (var i = 0; i < addresses.Count && obj.Text("addressType") is "IPv4" or "IPv6"; i++)
            {
                if (!IPAddress.TryParse(addresses[i] as string, out _))
                {
                    errors.Invalid(PodRules.Index(at, i), addresses[i], "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
                }
            }
        }
    }

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
    {
        if (obj.Text("addressType") != old.Text("addressType"))
        {
            errors.Invalid("addressType", obj.Text("addressType"), "field is immutable");
        }
    }
}
