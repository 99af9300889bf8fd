using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;
using Gantry.Runtime.Rootfs;

namespace Gantry.Runtime.Exec;

/// <summary>
/// The process of an exec, from the clone to its program; never returns. When it shares the runtime's memory, the runtime sleeps
/// meanwhile, and it disposes only what it has opened itself.
/// </summary>
internal sealed class ExecInit(
    ExecOptions options, NamespaceSet namespaces, FileDescriptor root, InitChannel channel, SeccompListener filter,
    RuntimeSpec spec, ContainerState state, bool hasKeyring, string? groupToJoin, bool sharesMemory)
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
        // The host's procfs, before the container's mounts are joined.
        using var proc = OwnFiles.IsNeeded(process) ? ProcFiles.Open() : null;
        using var own = OwnFiles.Open(proc, process, makesTime: false);
        var pid = filter.IsUsed ? int.Parse(Unistd.ReadLink("/proc/self"), System.Globalization.CultureInfo.InvariantCulture) : 0;
        if (!sharesMemory)
        {
            channel.WaitForGo();
        }
        if (groupToJoin is not null)
        {
            ControlGroup.Open(groupToJoin).Join();
        }
        Unistd.NewSession();
        own.SetOomScore(process);
        ProcessStart.SetLimits(process);
        SysPrctl.SetDumpable(false);
        namespaces.Join();
        if (namespaces.ChangesUser)
        {
            _ = Unistd.TryBecomeRoot();
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
            using var master = StandardStreams.InstallTerminal(tree, process, bindConsole: false, options.IsForeground);
            channel.Send(InitChannel.Terminal, master.Number);
        }
        else
        {
            options.Streams.Install();
        }
        ProcessStart.CloseOthers(options.PreservedDescriptors, [channel.Number, .. own.Numbers, .. filter.Numbers]);
        var isInDirectory = ProcessStart.TryEnterDirectory(process.Cwd);
        ProcessStart.SetHome(process);
        _ = ProcessStart.FindProgram(process);
        ListenDescriptors.Tell(process.Env ??= [], options.ListenDescriptors);
        Scheduling.Apply(process, spec.Linux);
        own.SetLabel(process);
        ProcessStart.DropPrivileges(process, options.PreservedDescriptors, isInDirectory, diesWithParent: false);
        new PreparedProgram(process).Execute(() => filter.Load(pid, state));
    }
}
