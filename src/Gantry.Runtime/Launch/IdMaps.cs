using System.Globalization;
using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Launch;

/// <summary>Writes the id maps of a new user namespace (user_namespaces(7)): directly, or by newuidmap(1) and newgidmap(1).</summary>
internal static class IdMaps
{
    private static readonly string[] ProgramDirectories = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"];

    public static void Write(int pid, NamespaceSet namespaces, LinuxSpec? linux)
    {
        if (namespaces.Makes(Sched.CLONE_NEWUSER))
        {
            Write(pid, linux?.UidMappings ?? [], linux?.GidMappings ?? []);
        }
    }

    /// <summary>Maps the ids of a process that is alone in its new user namespace.</summary>
    public static void Write(int pid, List<IdMappingSpec> users, List<IdMappingSpec> groups)
    {
        if (Cloning.IsPrivileged)
        {
            WriteFile(pid, "uid_map", users);
            WriteFile(pid, "gid_map", groups);
            return;
        }
        if (IsOwnAlone(users, Unistd.EffectiveUserId()) && IsOwnAlone(groups, Unistd.EffectiveGroupId()))
        {
            // The one map that needs no rights; groups only when setgroups(2) is given up, since it could drop a group that
            // denies access.
            SmallFile.Write($"/proc/{pid}/setgroups", "deny"u8);
            WriteFile(pid, "uid_map", users);
            WriteFile(pid, "gid_map", groups);
            return;
        }
        RunProgram("newuidmap", "/etc/subuid", pid, users);
        RunProgram("newgidmap", "/etc/subgid", pid, groups);
    }

    private static bool IsOwnAlone(List<IdMappingSpec> mappings, uint own) =>
        mappings is [{ Size: 1 } only] && only.HostID == own;

    private static void WriteFile(int pid, string name, List<IdMappingSpec> mappings)
    {
        var text = new StringBuilder();
        foreach (var item in mappings)
        {
            text.Append(item.ContainerID).Append(' ').Append(item.HostID).Append(' ').Append(item.Size).Append('\n');
        }
        SmallFile.Write($"/proc/{pid}/{name}", Encoding.ASCII.GetBytes(text.ToString()));
    }

    private static void RunProgram(string name, string configuration, int pid, List<IdMappingSpec> mappings)
    {
        var path = ProgramDirectories.Select(directory => $"{directory}/{name}").FirstOrDefault(File.Exists)
            ?? throw new FaultException(
                FaultKind.FailedPrecondition,
                $"{name}: not found; an ordinary user's user namespace with more than the own id needs it (Debian: uidmap)");
        List<string> arguments = [name, pid.ToString(CultureInfo.InvariantCulture)];
        foreach (var item in mappings)
        {
            arguments.AddRange([$"{item.ContainerID}", $"{item.HostID}", $"{item.Size}"]);
        }
        var (read, write) = Unistd.Pipe(Fcntl.O_CLOEXEC);
        using (read)
        {
            int child;
            using (write)
            {
                child = Spawn.Start(path, arguments, [], 0, write.Number, write.Number);
            }
            var said = Encoding.UTF8.GetString(SmallFile.ReadToEnd(read.Number)).Trim();
            SysWait.Wait(child, 0, out var status);
            if (status.ExitCode != 0)
            {
                throw new FaultException(
                    FaultKind.PermissionDenied,
                    $"{string.Join(' ', arguments)}: exit code {status.ExitCode}: {said}; the host ids must be the user's in {configuration}");
            }
        }
    }
}
