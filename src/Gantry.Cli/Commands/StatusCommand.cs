using System.Globalization;

namespace Gantry.Cli.Commands;

/// <summary>How gantryd is.</summary>
internal static class StatusCommand
{
    public static async Task<int> RunAsync(Instance instance)
    {
        if (await instance.StatusAsync().ConfigureAwait(false) is not { } status)
        {
            Console.WriteLine($"gantryd of {instance.Root} is not running.");
            return 3;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"gantryd {status.Version}, process {status.Pid}, {(status.Ready ? "ready" : "starting")}, up since {status.StartedAt.ToLocalTime():yyyy-MM-dd HH:mm:ss}, {status.MemoryBytes / 1048576} MB, {status.ContainersRunning} containers running"));
        Print(status);
        return 0;
    }

    public static void Print(InstanceStatus status) => Console.WriteLine($"""

          Docker      export DOCKER_HOST=unix://{status.DockerSocket}
          Kubernetes  export KUBECONFIG={status.Kubeconfig}
          Registry    {status.Registry.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)}

        """);
}
