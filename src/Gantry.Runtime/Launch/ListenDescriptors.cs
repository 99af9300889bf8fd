using System.Globalization;
using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Launch;

/// <summary>
/// Sockets that systemd or the like has opened for the container (sd_listen_fds(3)): the first descriptors from 3 on, which
/// the program inherits as they are, before those of --preserve-fds.
/// </summary>
internal static class ListenDescriptors
{
    /// <summary>How many there are for this process; they then stay open over execve.</summary>
    public static int Take()
    {
        var text = Environment.GetEnvironmentVariable("LISTEN_FDS");
        var addressee = Environment.GetEnvironmentVariable("LISTEN_PID");
        if (string.IsNullOrEmpty(text)
            || (!string.IsNullOrEmpty(addressee) && addressee != Unistd.ProcessId().ToString(CultureInfo.InvariantCulture)))
        {
            return 0;
        }
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"LISTEN_FDS: \"{text}\" is no number of descriptors");
        }
        return count;
    }

    /// <summary>Lets descriptors from 3 on be inherited.</summary>
    public static void Keep(int count)
    {
        for (var number = 3; number < 3 + count; number++)
        {
            if (!Fcntl.IsOpen(number))
            {
                throw new FaultException(
                    FaultKind.InvalidArgument, $"LISTEN_FDS, --preserve-fds: descriptor {number} is not open");
            }
            Fcntl.SetCloseOnExec(number, false);
        }
    }

    /// <summary>Tells the program, whose process this is.</summary>
    public static void Tell(List<string> environment, int count)
    {
        if (count > 0)
        {
            environment.RemoveAll(static item => item.StartsWith("LISTEN_", StringComparison.Ordinal));
            environment.AddRange([$"LISTEN_FDS={count}", $"LISTEN_PID={Unistd.ProcessId()}"]);
        }
    }
}
