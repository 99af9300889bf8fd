using System.Text;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Launch;

/// <summary>Writes the id maps of a new user namespace (user_namespaces(7)).</summary>
internal static class IdMaps
{
    public static void Write(int pid, NamespaceSet namespaces, LinuxSpec? linux)
    {
        if (!namespaces.Makes(Sched.CLONE_NEWUSER))
        {
            return;
        }
        SmallFile.Write($"/proc/{pid}/uid_map", Lines(linux?.UidMappings));
        SmallFile.Write($"/proc/{pid}/gid_map", Lines(linux?.GidMappings));
    }

    private static byte[] Lines(List<IdMappingSpec>? mappings)
    {
        var text = new StringBuilder();
        foreach (var item in mappings ?? [])
        {
            text.Append(item.ContainerID).Append(' ').Append(item.HostID).Append(' ').Append(item.Size).Append('\n');
        }
        return Encoding.ASCII.GetBytes(text.ToString());
    }
}
