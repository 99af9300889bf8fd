using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Defaults of a pod's spec that depend on other fields (upstream: SetDefaults_Pod, _Container, _Volume).</summary>
internal static class PodTemplateDefaults
{
    public static void Apply(JsonMap? spec, bool isPod)
    {
        if (spec is null)
        {
            return;
        }

        var hostNetwork = spec.Flag("hostNetwork");
        foreach (var list in (string[])["containers", "initContainers", "ephemeralContainers"])
        {
            foreach (var container in spec.Maps(list))
            {
                ApplyContainer(container, hostNetwork, requests: isPod);
            }
        }

        foreach (var volume in spec.Maps("volumes"))
        {
            // A volume without a source is an emptyDir.
            if (volume.Count <= 1 && !volume.Keys.Any(static k => k != "name"))
            {
                volume["emptyDir"] = new JsonMap();
            }
        }

        var account = spec.Text("serviceAccountName") ?? spec.Text("serviceAccount");
        if (!string.IsNullOrEmpty(account))
        {
            // serviceAccount is the deprecated name of the same field; upstream shows both.
            spec["serviceAccountName"] = account;
            spec["serviceAccount"] = account;
        }
    }

    private static void ApplyContainer(JsonMap container, bool hostNetwork, bool requests)
    {
        container.Default("imagePullPolicy", TagIsLatest(container.Text("image") ?? "") ? "Always" : "IfNotPresent");
        container.Default("resources", new JsonMap());
        foreach (var port in container.Maps("ports"))
        {
            if (hostNetwork && port.Number("hostPort") is null or 0 && port.Number("containerPort") is { } number)
            {
                port["hostPort"] = number;
            }
        }

        if (requests && container.Map("resources") is { } resources && resources.Map("limits") is { Count: > 0 } limits)
        {
            var asked = resources.MapOrNew("requests");
            foreach (var (name, quantity) in limits)
            {
                asked.Default(name, quantity);
            }
        }
    }

    private static bool TagIsLatest(string image)
    {
        if (image.Contains('@'))
        {
            return false;
        }

        var colon = image.LastIndexOf(':');
        var tag = colon > image.LastIndexOf('/') ? image[(colon + 1)..] : "latest";
        return tag == "latest";
    }
}
