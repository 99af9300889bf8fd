using System.Globalization;
using System.Text.Json;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Checkpoint;

/// <summary>Writes a running container into images, from which <see cref="Restorer"/> brings it back.</summary>
internal sealed class Checkpointer(StateStore store)
{
    /// <summary>What the first process's standard streams were: restore connects pipes anew.</summary>
    public const string DescriptorsName = "descriptors.json";

    private const string LogName = "dump.log";

    /// <summary>Checkpoints; without --leave-running and --pre-dump the container ends and is deleted.</summary>
    public void Checkpoint(CriuOptions options, CheckpointOptions how)
    {
        var record = store.Load(options.Id);
        var status = ProcessTable.StatusOf(record, store);
        if (status is not ("running" or "paused"))
        {
            throw new FaultException(
                FaultKind.FailedPrecondition, $"container \"{options.Id}\" is {status}; checkpoint needs a running one");
        }
        var spec = BundleLoader.Load(record.Bundle).Spec;
        MakeDirectory(options.ImagePath);
        using var images = Fcntl.Open(options.ImagePath, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
        using var work = OpenWork(options);
        var request = Describe(options, how, record, spec, images, work);
        if (!how.PreDump)
        {
            SmallFile.Write($"{options.ImagePath}/{DescriptorsName}", StreamsOf(record.Pid));
        }
        try
        {
            using var criu = CriuSession.Start([]);
            criu.Ask(how.PreDump ? CriuFields.PreDump : CriuFields.Dump, request, (reply, _) => Notified(reply, how));
        }
        catch (FaultException e)
        {
            throw CriuLog.Explain(e, $"{options.WorkPath ?? options.ImagePath}/{LogName}");
        }
        if (!how.PreDump && !how.LeaveRunning)
        {
            new ContainerRemoval(store).Delete(options.Id, force: true);
        }
    }

    public static void MakeDirectory(string path)
    {
        var errno = SysStat.TryMakeDirectory(Fcntl.AT_FDCWD, path, 0x1C0);
        if (errno is not (0 or Errno.EEXIST))
        {
            throw new LinuxException("mkdir", path, errno);
        }
    }

    public static FileDescriptor? OpenWork(CriuOptions options)
    {
        if (options.WorkPath is not { } path)
        {
            return null;
        }
        MakeDirectory(path);
        return Fcntl.Open(path, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    }

    /// <summary>What checkpoint and restore ask for alike.</summary>
    public static CriuMessage DescribeCommon(
        CriuOptions options, ContainerRecord record, FileDescriptor images, FileDescriptor? work, string log)
    {
        var message = new CriuMessage();
        message.Add(CriuFields.ImagesDirectory, images.Number);
        if (work is not null)
        {
            message.Add(CriuFields.WorkDirectory, work.Number);
        }
        message.Add(CriuFields.LogLevel, 4);
        message.Add(CriuFields.LogFile, log);
        message.Add(CriuFields.NotifyScripts, true);
        message.Add(CriuFields.ManageCgroups, true);
        message.Add(CriuFields.ManageCgroupsMode, options.CgroupMode);
        message.Add(CriuFields.OrphanTerminal, true);
        if (options.EmptyNamespaces != 0)
        {
            message.Add(CriuFields.EmptyNamespaces, options.EmptyNamespaces);
        }
        foreach (var (field, value) in options.Flags)
        {
            message.Add(field, value);
        }
        if (record.Annotations?.GetValueOrDefault("org.criu.config") is { Length: > 0 } file)
        {
            message.Add(CriuFields.ConfigFile, file);
        }
        return message;
    }

    public static void AddPair(CriuMessage message, int field, string first, string second)
    {
        var pair = new CriuMessage();
        pair.Add(CriuFields.First, first);
        pair.Add(CriuFields.Second, second);
        message.Add(field, pair);
    }

    /// <summary>The name by which an image knows a namespace that is not its own.</summary>
    public static string KeyOf(string type) => $"extRoot{(type == "network" ? "Net" : "Pid")}NS";

    private static CriuMessage Describe(
        CriuOptions options, CheckpointOptions how, ContainerRecord record, RuntimeSpec spec, FileDescriptor images,
        FileDescriptor? work)
    {
        var message = DescribeCommon(options, record, images, work, LogName);
        message.Add(CriuFields.Pid, record.Pid);
        message.Add(CriuFields.Root, record.Rootfs);
        message.Add(CriuFields.LeaveRunning, how.LeaveRunning);
        message.Add(CriuFields.LinkRemap, how.LinkRemap);
        message.Add(CriuFields.TcpSkipInFlight, how.TcpSkipInFlight);
        if (ControlGroup.Open(record.CgroupPath).FreezerDirectory is { } freezer)
        {
            message.Add(CriuFields.FreezeCgroup, freezer);
        }
        if (how.ParentPath is { } parent)
        {
            message.Add(CriuFields.ParentImage, parent);
        }
        if (how.PreDump || how.ParentPath is not null)
        {
            message.Add(CriuFields.TrackMemory, true);
        }
        if (how.PageServer is var (address, port))
        {
            var server = new CriuMessage();
            server.Add(CriuFields.First, address);
            server.Add(CriuFields.Second, port);
            message.Add(CriuFields.PageServer, server);
        }
        foreach (var item in spec.Linux?.Namespaces ?? [])
        {
            if (item is { Type: "network" or "pid", Path.Length: > 0 }
                && SysStat.TryStatus(Fcntl.AT_FDCWD, item.Path, true, out var space) == 0)
            {
                var kind = item.Type == "network" ? "net" : "pid";
                message.Add(CriuFields.External, $"{kind}[{space.Inode}]:{KeyOf(item.Type)}");
            }
        }
        if (how.PreDump)
        {
            return message;
        }
        foreach (var (destination, _) in ExternalMounts.Of(spec, record.Rootfs, record.Bundle, record.CgroupPath))
        {
            AddPair(message, CriuFields.ExternalMount, destination, destination);
        }
        foreach (var path in spec.Linux?.MaskedPaths ?? [])
        {
            // A masked file is a mount of the host's /dev/null; a masked directory is a file system of its own.
            if (SysStat.TryStatus(Fcntl.AT_FDCWD, $"/proc/{record.Pid}/root{path}", true, out var masked) == 0 && !masked.IsDirectory)
            {
                AddPair(message, CriuFields.ExternalMount, path, "/dev/null");
            }
        }
        return message;
    }

    private static void Notified(CriuReply reply, CheckpointOptions how)
    {
        CommandOutput.Debug($"criu: {reply.Script}");
        if (reply.Script == "status-ready" && how.StatusDescriptor is { } descriptor)
        {
            Unistd.WriteAll(descriptor, "\0"u8, "--status-fd");
            Unistd.CloseRaw(descriptor);
        }
    }

    private static byte[] StreamsOf(int pid) => Commands.JsonText.Line(writer =>
    {
        writer.WriteStartArray();
        for (var number = 0; number < 3; number++)
        {
            writer.WriteStringValue(Unistd.ReadLink(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/fd/{number}")));
        }
        writer.WriteEndArray();
    });
}
