using System.Text;
using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>ps: the container's processes as the machine's ps shows them.</summary>
internal static class ProcessesCommand
{
    public static readonly CommandSyntax Syntax = new(
        "ps", "ID [PS-OPTION...]", "list a container's processes, by the machine's ps (-ef)", """
        format|f=FORMAT  table, or json for the process ids alone (table)

        """)
    { MaxOperands = int.MaxValue, OperandLimit = 1 };

    public static int Run(CommandContext context, CommandArguments arguments)
    {
        var format = QueryCommands.ReadFormat(arguments);
        var pids = ControlGroup.Open(context.Store.Load(arguments.Id()).CgroupPath).ProcessIds();
        if (format == "json")
        {
            CommandOutput.Print(pids.Count == 0 ? "null\n" : $"[{string.Join(',', pids)}]\n");
            return 0;
        }
        var options = arguments.Operands.Count > 1 ? arguments.Operands[1..] : ["-ef"];
        CommandOutput.Print(Filter(RunPs(options), [.. pids]));
        return 0;
    }

    /// <summary>The table's head and the lines of the given processes.</summary>
    internal static string Filter(string table, HashSet<int> pids)
    {
        var lines = table.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var titles = Words(lines.FirstOrDefault() ?? "");
        var column = Array.IndexOf(titles, "PID");
        if (column < 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, "ps: its output has no column PID; choose options that show it");
        }
        var text = new StringBuilder(lines[0]).Append('\n');
        foreach (var line in lines.Skip(1))
        {
            var words = Words(line);
            if (words.Length > column && int.TryParse(words[column], out var pid) && pids.Contains(pid))
            {
                text.Append(line).Append('\n');
            }
        }
        return text.ToString();
    }

    private static string[] Words(string line) => line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);

    private static string RunPs(List<string> options)
    {
        var program = ((ReadOnlySpan<string>)["/usr/bin/ps", "/bin/ps"]).ToArray().FirstOrDefault(File.Exists)
            ?? throw new FaultException(FaultKind.FailedPrecondition, "ps: not installed (package procps); --format json needs none");
        var (read, write) = Unistd.Pipe(Fcntl.O_CLOEXEC);
        using (read)
        {
            int pid;
            using (write)
            {
                using var nothing = Fcntl.Open("/dev/null", Fcntl.O_RDONLY | Fcntl.O_CLOEXEC);
                pid = Spawn.Start(
                    program, ["ps", .. options], ["PATH=/usr/bin:/bin", "COLUMNS=4096"], nothing.Number, write.Number, write.Number);
            }
            var output = Encoding.UTF8.GetString(SmallFile.ReadToEnd(read.Number));
            SysWait.Wait(pid, 0, out var status);
            return status.ExitCode == 0
                ? output
                : throw new FaultException(FaultKind.InvalidArgument, $"ps {string.Join(' ', options)}: {output.Trim()}");
        }
    }
}
