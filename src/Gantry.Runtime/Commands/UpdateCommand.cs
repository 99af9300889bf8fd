using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Create;
using Gantry.Runtime.Launch;
using Gantry.Runtime.State;
using Gantry.Runtime.Systemd;

namespace Gantry.Runtime.Commands;

/// <summary>update: changes a container's limits; what is not said stays.</summary>
internal static class UpdateCommand
{
    public static readonly CommandSyntax Syntax = new(
        "update", "ID", "change a container's limits", """
        resources|r=FILE            read a linux.resources object from a file, or from standard input (-); other options are then ignored
        blkio-weight=N              weight of block I/O, 10 to 1000
        cpu-period=US               period of the processor limit in microseconds
        cpu-quota=US                processor time in each period; -1 is no limit
        cpu-burst=US                processor time that may be saved up
        cpu-share=N                 weight of processor time, 2 to 262144
        cpu-rt-period=US            period of realtime processes
        cpu-rt-runtime=US           processor time of realtime processes in each period
        cpu-idle=N                  1: run only when nobody else wants to
        cpuset-cpus=LIST            processors, as 0-3,7
        cpuset-mems=LIST            memory nodes
        memory=BYTES                memory limit, as 64M; -1 is none
        memory-reservation=BYTES    soft memory limit
        memory-swap=BYTES           limit of memory and swap together; -1 is none
        pids-limit=N                number of tasks; -1 is no limit
        kernel-memory=BYTES         taken and without effect: kernels have it no more
        kernel-memory-tcp=BYTES     taken and without effect on cgroup v2
        l3-cache-schema=TEXT        share of the L3 cache, as L3:0=f0;1=f, of a container with linux.intelRdt
        mem-bw-schema=TEXT          share of memory bandwidth, as MB:0=20;1=70

        """);

    public static int Run(CommandContext context, CommandArguments arguments)
    {
        var record = context.Store.Load(arguments.Id());
        var status = ProcessTable.StatusOf(record, context.Store);
        if (status is "stopped" or "creating")
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"container \"{record.Id}\" is {status}; it has no limits to change");
        }
        var wanted = arguments.Value("resources") is { Length: > 0 } file ? ReadFile(file) : ReadOptions(arguments);
        if (arguments.IsGiven("kernel-memory"))
        {
            CommandOutput.Warn("--kernel-memory has no effect");
        }
        if (wanted.Pids is { Limit: 0 } pids && BundleLoader.ZeroIsALimit(BundleLoader.Load(record.Bundle).Spec))
        {
            pids.Limit = BundleLoader.LeastPids;
        }
        record = WithDevices(record, wanted);
        if (record.SystemdUnit is null)
        {
            ResourceMapping.Apply(ControlGroup.Open(record.CgroupPath), wanted);
        }
        else
        {
            ScopeGroup.Update(record, wanted);
        }
        string?[] schemata = [arguments.Value("l3-cache-schema"), arguments.Value("mem-bw-schema")];
        if (schemata.Any(static line => !string.IsNullOrEmpty(line)))
        {
            IntelRdt.Update(BundleLoader.Load(record.Bundle).Spec.Linux?.IntelRdt, record.Id, schemata);
        }
        context.Store.Save(record);
        return 0;
    }

    /// <summary>
    /// Device rules of an update come after those that hold: on v1 the kernel adds them, on v2 one program has them all.
    /// </summary>
    private static ContainerRecord WithDevices(ContainerRecord record, ResourcesSpec wanted)
    {
        if (wanted.Devices is not { Count: > 0 } rules)
        {
            return record;
        }
        List<DeviceRuleSpec> added = [.. record.AddedDevices ?? [], .. rules];
        if (ControlGroup.IsUnified())
        {
            var first = BundleLoader.Load(record.Bundle).Spec.Linux?.Resources?.Devices ?? [];
            wanted.Devices = [.. first, .. added];
        }
        return record with { AddedDevices = added };
    }

    private static ResourcesSpec ReadFile(string file)
    {
        if (file == "-")
        {
            return RuntimeSpecJson.ReadResources(SmallFile.ReadToEnd(0), "standard input");
        }
        var text = SmallFile.TryRead(file) ?? throw new FaultException(FaultKind.NotFound, $"--resources {file}: no such file");
        return RuntimeSpecJson.ReadResources(text, file);
    }

    private static ResourcesSpec ReadOptions(CommandArguments arguments) => new()
    {
        Memory = new MemorySpec
        {
            Limit = ByteCount.Read(arguments, "memory"),
            Reservation = ByteCount.Read(arguments, "memory-reservation"),
            Swap = ByteCount.Read(arguments, "memory-swap"),
            KernelTCP = ByteCount.Read(arguments, "kernel-memory-tcp"),
        },
        Cpu = new CpuSpec
        {
            Shares = (ulong?)Number(arguments, "cpu-share", 0),
            Quota = Number(arguments, "cpu-quota", long.MinValue),
            Period = (ulong?)Number(arguments, "cpu-period", 0),
            Burst = (ulong?)Number(arguments, "cpu-burst", 0),
            RealtimeRuntime = Number(arguments, "cpu-rt-runtime", long.MinValue),
            RealtimePeriod = (ulong?)Number(arguments, "cpu-rt-period", 0),
            Idle = Number(arguments, "cpu-idle", 0),
            Cpus = arguments.Value("cpuset-cpus"),
            Mems = arguments.Value("cpuset-mems"),
        },
        Pids = Number(arguments, "pids-limit", long.MinValue) is { } limit ? new PidsSpec { Limit = limit } : null,
        BlockIO = Number(arguments, "blkio-weight", 0) is { } weight and > 0 ? new BlockIOSpec { Weight = checked((ushort)weight) } : null,
    };

    private static long? Number(CommandArguments arguments, string name, long least)
    {
        if (arguments.Value(name) is not { Length: > 0 } text)
        {
            return null;
        }
        return long.TryParse(text, out var value) && value >= least && (name != "blkio-weight" || value <= ushort.MaxValue)
            ? value
            : throw new FaultException(FaultKind.InvalidArgument, $"invalid value for {name}: \"{text}\" is not such a number");
    }
}
