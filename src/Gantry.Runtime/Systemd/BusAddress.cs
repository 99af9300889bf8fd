using System.Text;

namespace Gantry.Runtime.Systemd;

/// <summary>A socket on which systemd can be reached.</summary>
/// <param name="Path">Its path; with a leading @ a name of the abstract namespace.</param>
/// <param name="IsDirect">systemd itself listens there, and no bus between: no Hello and no match rules.</param>
internal sealed record BusAddress(string Path, bool IsDirect)
{
    /// <summary>Those of the machine's systemd, in the order in which they are tried.</summary>
    public static List<BusAddress> OfSystem() =>
        Environment.GetEnvironmentVariable("DBUS_SYSTEM_BUS_ADDRESS") is { Length: > 0 } address
            ? Parse(address)
            : [new("/run/dbus/system_bus_socket", false), new("/run/systemd/private", true)];

    /// <summary>Those of the user's systemd.</summary>
    public static List<BusAddress> OfUser()
    {
        if (Environment.GetEnvironmentVariable("DBUS_SESSION_BUS_ADDRESS") is { Length: > 0 } address)
        {
            return Parse(address);
        }
        return Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } directory
            ? [new($"{directory}/bus", false), new($"{directory}/systemd/private", true)]
            : [];
    }

    /// <summary>The unix sockets of a list such as unix:path=/run/user/1000/bus,guid=...;unix:abstract=name.</summary>
    public static List<BusAddress> Parse(string list)
    {
        List<BusAddress> result = [];
        foreach (var address in list.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!address.StartsWith("unix:", StringComparison.Ordinal))
            {
                continue;
            }
            foreach (var pair in address["unix:".Length..].Split(','))
            {
                if (pair.StartsWith("path=", StringComparison.Ordinal))
                {
                    result.Add(new(Unescape(pair["path=".Length..]), false));
                }
                else if (pair.StartsWith("abstract=", StringComparison.Ordinal))
                {
                    result.Add(new("@" + Unescape(pair["abstract=".Length..]), false));
                }
            }
        }
        return result;
    }

    /// <summary>%20 and the like; what is not such stays as it is.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('%'))
        {
            return text;
        }
        var bytes = Encoding.UTF8.GetBytes(text);
        var length = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '%' && i + 2 < bytes.Length && char.IsAsciiHexDigit((char)bytes[i + 1])
                && char.IsAsciiHexDigit((char)bytes[i + 2]))
            {
                bytes[length++] = Convert.ToByte($"{(char)bytes[i + 1]}{(char)bytes[i + 2]}", 16);
                i += 2;
                continue;
            }
            bytes[length++] = bytes[i];
        }
        return Encoding.UTF8.GetString(bytes, 0, length);
    }
}
