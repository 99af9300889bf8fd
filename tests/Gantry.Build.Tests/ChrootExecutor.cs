using System.Diagnostics;
using System.Text;

namespace Gantry.Build.Tests;

/// <summary>Runs commands by chroot in new mount and pid namespaces: enough of a container for a build.</summary>
internal sealed class ChrootExecutor : IBuildExecutor
{
    public List<BuildCommand> Commands { get; } = [];

    public async Task<int> RunAsync(BuildCommand command, CancellationToken cancellationToken)
    {
        Commands.Add(command);
        var script = new StringBuilder("set -e; mount --make-rprivate /; mount -t proc proc \"$0/proc\"; ");
        foreach (var mount in command.Mounts)
        {
            script.Append(mount.Source is null
                ? $"mount -t tmpfs tmpfs \"$0{mount.Target}\"; "
                : $"mount --bind {(mount.IsReadOnly ? "-o ro " : "")}\"{mount.Source}\" \"$0{mount.Target}\"; ");
        }
        script.Append($"exec env -i \"${{@}}\"");
        var start = new ProcessStartInfo("unshare", ["--mount", "--pid", "--fork", "sh", "-c", script.ToString(), command.RootDirectory])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var item in (string[])[.. command.Env, "/usr/sbin/chroot", command.RootDirectory, "/bin/sh", "-c", $"cd {command.WorkingDirectory} && exec \"$@\"", "sh", .. command.Args])
        {
            start.ArgumentList.Add(item);
        }
        using var process = Process.Start(start)!;
        var output = CopyAsync(process.StandardOutput.BaseStream, command.Output);
        var error = CopyAsync(process.StandardError.BaseStream, command.Output);
        await process.WaitForExitAsync(cancellationToken);
        await Task.WhenAll(output, error);
        return process.ExitCode;
    }

    public Task RecoverAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static async Task CopyAsync(Stream stream, Action<ReadOnlyMemory<byte>> output)
    {
        var buffer = new byte[4096];
        int read;
        while ((read = await stream.ReadAsync(buffer)) > 0)
        {
            lock (output)
            {
                output(buffer.AsMemory(0, read));
            }
        }
    }
}
