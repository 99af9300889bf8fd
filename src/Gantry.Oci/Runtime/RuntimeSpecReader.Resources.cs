namespace Gantry.Oci.Runtime;

/// <summary>Reads linux.resources.</summary>
internal static partial class RuntimeSpecReader
{
    public static ResourcesSpec Resources(ref SpecJsonReader json)
    {
        var resources = new ResourcesSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "devices": resources.Devices = json.List(DeviceRule); break;
                case "memory": resources.Memory = Memory(ref json); break;
                case "cpu": resources.Cpu = Cpu(ref json); break;
                case "pids": resources.Pids = Pids(ref json); break;
                case "blockIO": resources.BlockIO = BlockIO(ref json); break;
                case "hugepageLimits": resources.HugepageLimits = json.List(HugepageLimit); break;
                case "network": resources.Network = Network(ref json); break;
                case "rdma": resources.Rdma = Rdma(ref json); break;
                case "unified": resources.Unified = json.StringTable(); break;
                default: json.Skip(); break;
            }
        }
        return resources;
    }

    private static DeviceRuleSpec DeviceRule(ref SpecJsonReader json)
    {
        var rule = new DeviceRuleSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "allow": rule.Allow = json.Bool(); break;
                case "type": rule.Type = json.String(); break;
                case "major": rule.Major = json.Long(); break;
                case "minor": rule.Minor = json.Long(); break;
                case "access": rule.Access = json.String(); break;
                default: json.Skip(); break;
            }
        }
        return rule;
    }

    private static MemorySpec Memory(ref SpecJsonReader json)
    {
        var memory = new MemorySpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "limit": memory.Limit = json.Long(); break;
                case "reservation": memory.Reservation = json.Long(); break;
                case "swap": memory.Swap = json.Long(); break;
                case "kernel": memory.Kernel = json.Long(); break;
                case "kernelTCP": memory.KernelTCP = json.Long(); break;
                case "useHierarchy": memory.UseHierarchy = json.Bool(); break;
                case "swappiness": memory.Swappiness = json.ULong(); break;
                case "disableOOMKiller": memory.DisableOOMKiller = json.Bool(); break;
                case "checkBeforeUpdate": memory.CheckBeforeUpdate = json.Bool(); break;
                default: json.Skip(); break;
            }
        }
        return memory;
    }

    private static CpuSpec Cpu(ref SpecJsonReader json)
    {
        var cpu = new CpuSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "shares": cpu.Shares = json.ULong(); break;
                case "quota": cpu.Quota = json.Long(); break;
                case "burst": cpu.Burst = json.ULong(); break;
                case "period": cpu.Period = json.ULong(); break;
                case "realtimeRuntime": cpu.RealtimeRuntime = json.Long(); break;
                case "realtimePeriod": cpu.RealtimePeriod = json.ULong(); break;
                case "cpus": cpu.Cpus = json.String(); break;
                case "mems": cpu.Mems = json.String(); break;
                case "idle": cpu.Idle = json.Long(); break;
                default: json.Skip(); break;
            }
        }
        return cpu;
    }

    private static PidsSpec Pids(ref SpecJsonReader json)
    {
        var pids = new PidsSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "limit": pids.Limit = json.Long(); break;
                default: json.Skip(); break;
            }
        }
        return pids;
    }

    private static BlockIOSpec BlockIO(ref SpecJsonReader json)
    {
        var block = new BlockIOSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "weight": block.Weight = json.UShort(); break;
                case "leafWeight": block.LeafWeight = json.UShort(); break;
                case "weightDevice": block.WeightDevice = json.List(WeightDevice); break;
                case "throttleReadBpsDevice": block.ThrottleReadBpsDevice = json.List(Throttle); break;
                case "throttleWriteBpsDevice": block.ThrottleWriteBpsDevice = json.List(Throttle); break;
                case "throttleReadIOPSDevice": block.ThrottleReadIOPSDevice = json.List(Throttle); break;
                case "throttleWriteIOPSDevice": block.ThrottleWriteIOPSDevice = json.List(Throttle); break;
                default: json.Skip(); break;
            }
        }
        return block;
    }

    private static WeightDeviceSpec WeightDevice(ref SpecJsonReader json)
    {
        var weight = new WeightDeviceSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "major": weight.Major = json.Long(); break;
                case "minor": weight.Minor = json.Long(); break;
                case "weight": weight.Weight = json.UShort(); break;
                case "leafWeight": weight.LeafWeight = json.UShort(); break;
                default: json.Skip(); break;
            }
        }
        return weight;
    }

    private static NetworkResourcesSpec Network(ref SpecJsonReader json)
    {
        var network = new NetworkResourcesSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "classID": network.ClassID = json.UInt(); break;
                case "priorities": network.Priorities = json.List(InterfacePriority); break;
                default: json.Skip(); break;
            }
        }
        return network;
    }

    private static InterfacePrioritySpec InterfacePriority(ref SpecJsonReader json)
    {
        var priority = new InterfacePrioritySpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "name": priority.Name = json.String(); break;
                case "priority": priority.Priority = json.UInt(); break;
                default: json.Skip(); break;
            }
        }
        return priority;
    }

    private static Dictionary<string, RdmaSpec> Rdma(ref SpecJsonReader json)
    {
        var devices = new Dictionary<string, RdmaSpec>();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            devices[name] = RdmaDevice(ref json);
        }
        return devices;
    }

    private static RdmaSpec RdmaDevice(ref SpecJsonReader json)
    {
        var limits = new RdmaSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "hcaHandles": limits.HcaHandles = json.UInt(); break;
                case "hcaObjects": limits.HcaObjects = json.UInt(); break;
                default: json.Skip(); break;
            }
        }
        return limits;
    }

    private static ThrottleSpec Throttle(ref SpecJsonReader json)
    {
        var throttle = new ThrottleSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "major": throttle.Major = json.Long(); break;
                case "minor": throttle.Minor = json.Long(); break;
                case "rate": throttle.Rate = json.ULong(); break;
                default: json.Skip(); break;
            }
        }
        return throttle;
    }

    private static HugepageLimitSpec HugepageLimit(ref SpecJsonReader json)
    {
        var limit = new HugepageLimitSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "pageSize": limit.PageSize = json.String(); break;
                case "limit": limit.Limit = json.ULong(); break;
                default: json.Skip(); break;
            }
        }
        return limit;
    }
}
