using System.Globalization;
using System.Text;
using Gantry.Engine.Containers;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Netlink;
using Gantry.Network;

namespace Gantry.Engine.Stats;

/// <summary>Reads what containers use and which processes they have.</summary>
internal sealed class ContainerUsage(EngineOptions options, NetworkService networks)
{
    // USER_HZ, in which /proc counts time, is 100 on every architecture that Gantry runs on (proc(5)).
    private const ulong NanosecondsPerTick = 10_000_000;

    internal UsageSample Sample(ContainerRecord container)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        if (!container.IsRunning)
        {
            return new UsageSample(now, new CgroupStatistics(), 0, new Dictionary<string, LinkCounters>());
        }

        return new UsageSample(now, ContainerCgroup.Open(options, container).Statistics(), SystemCpu(), Networks(container));
    }

    internal ProcessTable Processes(ContainerRecord container)
    {
        IReadOnlyList<int> ids = ContainerCgroup.Open(options, container).ProcessIds();
        return new ProcessTable(
            ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
            [.. ids.Order().Select(Describe).OfType<IReadOnlyList<string>>()]);
    }

    private Dictionary<string, LinkCounters> Networks(ContainerRecord container)
    {
        if (networks.FindSandbox(container.Spec.SandboxId ?? container.Id)?.NetworkPath is not { } path)
        {
            return [];
        }

        using RouteSocket inside = RouteSocket.Open(new NetworkNamespace(path));
        return inside.ListLinks().Where(link => link.Name != "lo").ToDictionary(link => link.Name, link => link.Counters);
    }

    private static ulong SystemCpu()
    {
        string[] fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        // user, nice, system, idle, iowait, irq, softirq.
        return fields.Skip(1).Take(7).Aggregate(0UL, (sum, field) => sum + ulong.Parse(field, CultureInfo.InvariantCulture)) * NanosecondsPerTick;
    }

    /// <summary>One process; null when it is gone.</summary>
    private static List<string>? Describe(int pid)
    {
        try
        {
            string directory = $"/proc/{pid.ToString(CultureInfo.InvariantCulture)}";
            string stat = File.ReadAllText(directory + "/stat");
            // The name is in parentheses and may itself have spaces: the fields begin after the last one.
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            ulong ticks = ulong.Parse(fields[11], CultureInfo.InvariantCulture) + ulong.Parse(fields[12], CultureInfo.InvariantCulture);
            string uid = File.ReadLines(directory + "/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[1];
            string command = Encoding.UTF8.GetString(File.ReadAllBytes(directory + "/cmdline")).Replace('\0', ' ').Trim();
            string name = stat[(stat.IndexOf('(') + 1)..stat.LastIndexOf(')')];
            DateTime started = Directory.GetCreationTime(directory);
            return
            [
                uid == "0" ? "root" : uid, pid.ToString(CultureInfo.InvariantCulture), fields[1], "0",
                started.ToString("HH:mm", CultureInfo.InvariantCulture), fields[4] == "0" ? "?" : "pts/0",
                TimeSpan.FromMilliseconds(ticks * 10).ToString(@"hh\:mm\:ss", CultureInfo.InvariantCulture), command.Length > 0 ? command : $"[{name}]",
            ];
        }
        catch (IOException)
        {
            return null;
        }
    }
}
