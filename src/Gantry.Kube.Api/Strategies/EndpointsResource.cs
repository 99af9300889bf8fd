using System.Net;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Endpoints, whose updates may create (as upstream).</summary>
internal sealed class EndpointsResource : ResourceStrategy
{
    public override bool AllowsCreateOnUpdate => true;

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var subset = 0;
        foreach (var item in obj.Maps("subsets"))
        {
            var at = PodRules.Index("subsets", subset++);
            var index = 0;
            foreach (var address in item.Maps("addresses").Concat(item.Maps("notReadyAddresses")))
            {
                var ip = address.Text("ip") ?? "";
                if (!IPAddress.TryParse(ip, out _))
                {
                    errors.Invalid(PodRules.Index(at + ".addresses", index) + ".ip", ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
                }

                index++;
            }

            index = 0;
            foreach (var port in item.Maps("ports"))
            {
                ContainerRules.CheckPort(port.Number("port") ?? 0, PodRules.Index(at + ".ports", index++) + ".port", errors);
            }
        }
    }
}
