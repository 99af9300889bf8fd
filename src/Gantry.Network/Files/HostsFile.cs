using System.Text;

namespace Gantry.Network.Files;

/// <summary>Writes /etc/hosts for a container.</summary>
public static class HostsFile
{
    /// <summary>
    /// The usual loopback lines, the extra hosts (<c>name</c>, <c>address</c>), and for each own address a line with the host name.
    /// </summary>
    public static string Render(IEnumerable<(string Name, string Address)> extraHosts, IEnumerable<string> ownAddresses, params IReadOnlyList<string> ownNames)
    {
        StringBuilder text = new();
        text.Append("127.0.0.1\tlocalhost\n");
        text.Append("::1\tlocalhost ip6-localhost ip6-loopback\n");
        text.Append("fe00::\tip6-localnet\n");
        text.Append("ff00::\tip6-mcastprefix\n");
        text.Append("ff02::1\tip6-allnodes\n");
        text.Append("ff02::2\tip6-allrouters\n");
        foreach ((string name, string address) in extraHosts)
        {
            text.Append(address).Append('\t').Append(name).Append('\n');
        }

        foreach (string address in ownAddresses)
        {
            text.Append(address).Append('\t').AppendJoin(' ', ownNames).Append('\n');
        }

        return text.ToString();
    }
}
