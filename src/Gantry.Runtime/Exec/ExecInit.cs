using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.Launch;
using Gantry.Runtime.Rootfs;

namespace Gantry.Runtime.Exec;

/// <summary>The process of an exec, from the clone to its program; never returns.</summary>
internal sealed class ExecInit(
    ExecOptions options, NamespaceSet namespaces, FileDescriptor root, InitChannel channel, byte[]? filter, bool hasKeyring)
{
    public void Run()
    {
        try
        {
            Prepare();
        }
        catch (Exception e)
        {
            channel.SendFailure(e);
        }
        Unistd.ExitNow(127);
    }

    private void Prepare()
    {
        var process = options.Process;
        channel.WaitForGo();
        Unistd.NewSession();
        if (process.OomScoreAdj is { } score)
        {
            // The host's procfs, before the container's mounts are joined.
            using var proc = ProcFiles.Open();
            ProcessStart.SetOomScore(proc, score);
        }
        ProcessStart.SetLimits(process);
        namespaces.Join();
        if (namespaces.Joins(Sched.CLONE_NEWUSER))
        {
            Unistd.SetGroupId(0);
            Unistd.SetUserId(0);
        }
        if (hasKeyring)
        {
            ProcessStart.JoinKeyring(options.Id);
        }
        // The container's root may be a directory of its mount namespace (chroot) and not that namespace's root.
        Unistd.ChangeDirectory(root.Number);
        Unistd.ChangeRoot(".");
        Unistd.ChangeDirectory("/");
        if (process.Terminal)
        {
            using var tree = new RootTree(Fcntl.Open("/", Fcntl.O_PATH | Fcntl.O_DIRECTORY), "");
            using var master = StandardStreams.InstallTerminal(tree, process, bindConsole: false);
            channel.Send(InitChannel.Terminal, master.Number);
        }
        else
        {
            options.Streams.Install();
        }
        ProcessStart.CloseOthers(options.PreservedDescriptors, channel.Number);
        ProcessStart.EnterDirectory(process.Cwd);
        var program = ProcessStart.FindProgram(process);
        ProcessStart.DropPrivileges(process, filter);
        ProcessStart.Execute(program, process, options.PreservedDescriptors);
    }
}
