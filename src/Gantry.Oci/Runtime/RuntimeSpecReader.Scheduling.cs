namespace Gantry.Oci.Runtime;

/// <summary>Reads what config.json says of scheduling, clocks, caches and network devices.</summary>
internal static partial class RuntimeSpecReader
{
    private static SchedulerSpec Scheduler(ref SpecJsonReader json)
    {
        var scheduler = new SchedulerSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "policy": scheduler.Policy = json.String(); break;
                case "nice": scheduler.Nice = json.Int(); break;
                case "priority": scheduler.Priority = json.Int(); break;
                case "flags": scheduler.Flags = json.Strings(); break;
                case "runtime": scheduler.Runtime = json.ULong(); break;
                case "deadline": scheduler.Deadline = json.ULong(); break;
                case "period": scheduler.Period = json.ULong(); break;
                default: json.Skip(); break;
            }
        }
        return scheduler;
    }

    private static MemoryPolicySpec MemoryPolicy(ref SpecJsonReader json)
    {
        var policy = new MemoryPolicySpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "mode": policy.Mode = json.String(); break;
                case "nodes": policy.Nodes = json.String(); break;
                case "flags": policy.Flags = json.Strings(); break;
                default: json.Skip(); break;
            }
        }
        return policy;
    }

    private static IoPrioritySpec IoPriority(ref SpecJsonReader json)
    {
        var priority = new IoPrioritySpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "class": priority.Class = json.String(); break;
                case "priority": priority.Priority = json.Int(); break;
                default: json.Skip(); break;
            }
        }
        return priority;
    }

    private static CpuAffinitySpec CpuAffinity(ref SpecJsonReader json)
    {
        var affinity = new CpuAffinitySpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "initial": affinity.Initial = json.String(); break;
                case "final": affinity.Final = json.String(); break;
                default: json.Skip(); break;
            }
        }
        return affinity;
    }

    private static TimeOffsetSpec TimeOffset(ref SpecJsonReader json)
    {
        var offset = new TimeOffsetSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "secs": offset.Secs = json.Long(); break;
                case "nanosecs": offset.Nanosecs = json.UInt(); break;
                default: json.Skip(); break;
            }
        }
        return offset;
    }

    private static PersonalitySpec Personality(ref SpecJsonReader json)
    {
        var personality = new PersonalitySpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "domain": personality.Domain = json.String(); break;
                case "flags": personality.Flags = json.Strings(); break;
                default: json.Skip(); break;
            }
        }
        return personality;
    }

    private static IntelRdtSpec IntelRdt(ref SpecJsonReader json)
    {
        var rdt = new IntelRdtSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "closID": rdt.ClosID = json.String(); break;
                case "schemata": rdt.Schemata = json.Strings(); break;
                case "l3CacheSchema": rdt.L3CacheSchema = json.String(); break;
                case "memBwSchema": rdt.MemBwSchema = json.String(); break;
                case "enableMonitoring": rdt.EnableMonitoring = json.Bool(); break;
                case "enableCMT": rdt.EnableCMT = json.Bool(); break;
                case "enableMBM": rdt.EnableMBM = json.Bool(); break;
                default: json.Skip(); break;
            }
        }
        return rdt;
    }

    private static NetDeviceSpec NetDevice(ref SpecJsonReader json)
    {
        var device = new NetDeviceSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "name": device.Name = json.String(); break;
                default: json.Skip(); break;
            }
        }
        return device;
    }
}
