using System.Globalization;
using Gantry.Build;
using Gantry.Engine;
using Gantry.Engine.Containers;
using Gantry.Faults;

namespace Gantry.Docker;

/// <summary>Runs a build's commands as containers of the engine, on the root that the build has mounted.</summary>
public sealed class EngineBuildExecutor(ContainerEngine engine) : IBuildExecutor
{
    private const string BuildLabel = "io.gantry.build";

    /// <inheritdoc/>
    public async Task<int> RunAsync(BuildCommand command, CancellationToken cancellationToken)
    {
        ContainerRecord container = await engine.CreateAsync(Translate(command), cancellationToken).ConfigureAwait(false);
        try
        {
            await using ContainerStreams streams = await engine.AttachAsync(container.Id, stdin: false, stdout: true, stderr: true, cancellationToken).ConfigureAwait(false);
            Task<int> exit = engine.BeginWait(container.Id, WaitCondition.NextExit);
            await engine.StartAsync(container.Id, cancellationToken).ConfigureAwait(false);
            while (await streams.ReadAsync(cancellationToken).ConfigureAwait(false) is { Data.Length: > 0 } output)
            {
                command.Output(output.Data);
            }

            return await exit.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (StartsNoProgram(fault))
        {
            throw new FaultException(FaultKind.NotFound, fault.Message, fault);
        }
        finally
        {
            await RemoveAsync(container.Id).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task RecoverAsync(CancellationToken cancellationToken)
    {
        foreach (ContainerRecord container in engine.List().Where(container => container.Spec.Labels.ContainsKey(BuildLabel)))
        {
            await RemoveAsync(container.Id).ConfigureAwait(false);
        }
    }

    private static bool StartsNoProgram(FaultException fault) => fault.Message.Contains("executable file not found", StringComparison.Ordinal);

    private async Task RemoveAsync(string id)
    {
        try
        {
            await engine.RemoveAsync(id, force: true, removeVolumes: true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            // A start that failed has removed it.
        }
    }

    private static ContainerSpec Translate(BuildCommand command) => new()
    {
        Image = "",
        RootDirectory = command.RootDirectory,
        Entrypoint = [.. command.Args],
        Environment = [.. command.Env],
        User = command.User,
        WorkingDirectory = command.WorkingDirectory,
        NetworkMode = command.NetworkMode.Length > 0 ? command.NetworkMode : "default",
        Mounts = [.. command.Mounts.Select(Translate)],
        ExtraHosts = [.. command.ExtraHosts],
        Resources = new ResourceSpec { Memory = command.MemoryBytes, ShmSize = command.ShmSizeBytes },
        LogDriver = "none",
        Labels = new() { [BuildLabel] = command.Id },
    };

    private static ContainerMount Translate(BuildMount mount) => new()
    {
        Kind = mount.Source is null ? ContainerMountKind.Tmpfs : ContainerMountKind.Bind,
        Source = mount.Source ?? "",
        Target = mount.Target,
        ReadOnly = mount.IsReadOnly,
        Options = mount.SizeBytes > 0 ? ["size=" + mount.SizeBytes.ToString(CultureInfo.InvariantCulture)] : [],
    };
}
