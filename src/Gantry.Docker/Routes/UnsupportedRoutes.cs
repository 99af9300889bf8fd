using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Routes;

/// <summary>Parts of the Engine API that Gantry leaves to others, answered with Docker's own words.</summary>
internal static class UnsupportedRoutes
{
    private const string NoSwarm =
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

    internal static IEnumerable<Route> Swarm()
    {
        foreach (string kind in (string[])["swarm", "nodes", "services", "tasks", "secrets", "configs"])
        {
            foreach (string method in (string[])["GET", "POST", "DELETE"])
            {
                yield return new Route(method, $"/{kind}", SwarmAsync);
                yield return new Route(method, $"/{kind}/{{rest*}}", SwarmAsync);
            }
        }
    }

    internal static Task NoPluginsAsync(DockerRequest request) => request.WriteAsync([], DockerJson.Default.ListString);

    internal static Task PluginsAsync(DockerRequest request) =>
        request.WriteErrorAsync(StatusCodes.Status501NotImplemented, "managed plugins are not supported by Gantry");

    internal static Task SessionAsync(DockerRequest request) =>
        request.WriteErrorAsync(StatusCodes.Status501NotImplemented, "BuildKit sessions are not supported by Gantry; use the classic builder (DOCKER_BUILDKIT=0)");

    private static Task SwarmAsync(DockerRequest request)
    {
        bool init = request["rest", ""] is "init" or "join";
        return init
            ? request.WriteErrorAsync(StatusCodes.Status501NotImplemented, "swarm mode is not supported by Gantry; use Kubernetes objects (kubectl apply)")
            : request.WriteErrorAsync(StatusCodes.Status503ServiceUnavailable, NoSwarm);
    }
}
