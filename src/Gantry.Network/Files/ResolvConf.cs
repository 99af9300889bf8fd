using System.Net;
using System.Text;

namespace Gantry.Network.Files;

/// <summary>A resolver configuration (resolv.conf(5)). Immutable.</summary>
public sealed record ResolvConf(IReadOnlyList<string> Servers, IReadOnlyList<string> Search, IReadOnlyList<string> Options)
{
    /// <summary>Reads the parts that matter; what cannot be read is no configuration.</summary>
    public static ResolvConf Parse(string text)
    {
        List<string> servers = [];
        List<string> search = [];
        List<string> options = [];
        foreach (string line in text.Split('\n'))
        {
            string[] words = line.Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 2 || words[0].StartsWith('#') || words[0].StartsWith(';'))
            {
                continue;
            }

            switch (words[0])
            {
                case "nameserver": servers.Add(words[1]); break;
                case "search" or "domain": search = [.. words[1..]]; break;
                case "options": options.AddRange(words[1..]); break;
            }
        }

        return new ResolvConf(servers, search, options);
    }

    /// <summary>Reads a file; a missing one is an empty configuration.</summary>
    public static ResolvConf Read(string path) => File.Exists(path) ? Parse(File.ReadAllText(path)) : new ResolvConf([], [], []);

    /// <summary>Without servers on loopback addresses, which mean something else inside a namespace.</summary>
    public ResolvConf WithoutLoopback() => this with
    {
        Servers = [.. Servers.Where(server => !IPAddress.TryParse(server, out IPAddress? address) || !IPAddress.IsLoopback(address))],
    };

    /// <summary>The file's text.</summary>
    public string Render()
    {
        StringBuilder text = new();
        foreach (string server in Servers)
        {
            text.Append("nameserver ").Append(server).Append('\n');
        }

        if (Search.Count > 0)
        {
            text.Append("search ").AppendJoin(' ', Search).Append('\n');
        }

        if (Options.Count > 0)
        {
            text.Append("options ").AppendJoin(' ', Options).Append('\n');
        }

        return text.ToString();
    }
}
