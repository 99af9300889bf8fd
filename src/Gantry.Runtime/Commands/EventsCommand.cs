using System.Globalization;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>events: statistics at intervals and each time the kernel kills for want of memory, a JSON line each.</summary>
internal static class EventsCommand
{
    private const int DefaultIntervalMs = 5000;

    public static readonly CommandSyntax Syntax = new(
        "events", "ID", "print a container's statistics and OOM events as JSON lines", """
        interval=DURATION  time between two statistics, as 5s or 500ms (5s)
        stats              print statistics once

        """);

    public static int Run(CommandContext context, CommandArguments arguments)
    {
        var record = context.Store.Load(arguments.Id());
        var intervalMs = ReadInterval(arguments.Value("interval"));
        using var process = ContainerRemoval.TryOpen(record)
            ?? throw new FaultException(FaultKind.FailedPrecondition, $"container \"{record.Id}\" is not running");
        var group = ControlGroup.Open(record.CgroupPath);
        if (arguments.Has("stats"))
        {
            PrintStatistics(record.Id, group);
            return 0;
        }
        using var oom = group.OpenOomEvents();
        Follow(record.Id, group, process, oom, intervalMs);
        return 0;
    }

    private static void Follow(string id, IControlGroup group, FileDescriptor process, OomEvents? oom, int intervalMs)
    {
        var next = Environment.TickCount64 + intervalMs;
        Span<PollDescriptor> descriptors = stackalloc PollDescriptor[2];
        while (true)
        {
            descriptors[0] = new PollDescriptor(process.Number, Poll.POLLIN);
            descriptors[1] = oom?.Descriptor ?? new PollDescriptor(-1, 0);
            Poll.Wait(descriptors, (int)Math.Clamp(next - Environment.TickCount64, 0, intervalMs));
            for (var count = descriptors[1].Ready != 0 ? oom!.Read() : 0; count > 0; count--)
            {
                CommandOutput.Print(JsonText.Line(writer => StatisticsJson.WriteEvent(writer, "oom", id, null)));
            }
            if (descriptors[0].Ready != 0)
            {
                return;
            }
            if (Environment.TickCount64 >= next)
            {
                PrintStatistics(id, group);
                next += intervalMs;
            }
        }
    }

    private static void PrintStatistics(string id, IControlGroup group)
    {
        var statistics = group.Statistics();
        CommandOutput.Print(JsonText.Line(writer => StatisticsJson.WriteEvent(writer, "stats", id, statistics)));
    }

    /// <summary>Go's notation of one unit: 5s, 1.5s, 200ms, 1m.</summary>
    private static int ReadInterval(string? text)
    {
        if (text is null)
        {
            return DefaultIntervalMs;
        }
        var digits = text.AsSpan().TrimEnd("hms");
        var unitMs = text.AsSpan(digits.Length) switch { "ms" => 1m, "s" => 1000m, "m" => 60_000m, "h" => 3_600_000m, _ => 0m };
        if (unitMs == 0 || !decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"--interval {text}: must be a duration such as 5s or 500ms");
        }
        var interval = value * unitMs;
        return interval is >= 1 and <= int.MaxValue
            ? (int)interval
            : throw new FaultException(FaultKind.InvalidArgument, $"--interval {text}: duration interval must be greater than 0");
    }
}
