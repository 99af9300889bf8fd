namespace Gantry.Oci.Runtime;

/// <summary>Reads config.json's "linux", but for its resources.</summary>
internal static partial class RuntimeSpecReader
{
    public static SeccompSpec Seccomp(ref SpecJsonReader json)
    {
        var seccomp = new SeccompSpec();
        var start = json.Start;
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "defaultAction": seccomp.DefaultAction = json.String(); break;
                case "defaultErrnoRet": seccomp.DefaultErrnoRet = json.UInt(); break;
                case "architectures": seccomp.Architectures = json.Strings(); break;
                case "flags": seccomp.Flags = json.Strings(); break;
                case "listenerPath": seccomp.ListenerPath = json.String(); break;
                case "listenerMetadata": seccomp.ListenerMetadata = json.String(); break;
                case "syscalls": seccomp.Syscalls = json.List(Syscall); break;
                default: json.Skip(); break;
            }
        }
        seccomp.Source = json.From(start);
        return seccomp;
    }

    private static LinuxSpec Linux(ref SpecJsonReader json)
    {
        var linux = new LinuxSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "namespaces": linux.Namespaces = json.List(Namespace); break;
                case "uidMappings": linux.UidMappings = json.List(IdMapping); break;
                case "gidMappings": linux.GidMappings = json.List(IdMapping); break;
                case "devices": linux.Devices = json.List(Device); break;
                case "cgroupsPath": linux.CgroupsPath = json.String(); break;
                case "resources": linux.Resources = Resources(ref json); break;
                case "rootfsPropagation": linux.RootfsPropagation = json.String(); break;
                case "seccomp": linux.Seccomp = Seccomp(ref json); break;
                case "sysctl": linux.Sysctl = json.StringTable(); break;
                case "maskedPaths": linux.MaskedPaths = json.Strings(); break;
                case "readonlyPaths": linux.ReadonlyPaths = json.Strings(); break;
                case "mountLabel": linux.MountLabel = json.String(); break;
                case "timeOffsets": linux.TimeOffsets = json.Table(TimeOffset); break;
                case "personality": linux.Personality = Personality(ref json); break;
                case "intelRdt": linux.IntelRdt = IntelRdt(ref json); break;
                case "memoryPolicy": linux.MemoryPolicy = MemoryPolicy(ref json); break;
                case "netDevices": linux.NetDevices = json.Table(NetDevice); break;
                default: json.Skip(); break;
            }
        }
        return linux;
    }

    private static NamespaceSpec Namespace(ref SpecJsonReader json)
    {
        var item = new NamespaceSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "type": item.Type = json.String(); break;
                case "path": item.Path = json.String(); break;
                default: json.Skip(); break;
            }
        }
        return item;
    }

    private static DeviceSpec Device(ref SpecJsonReader json)
    {
        var device = new DeviceSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "type": device.Type = json.String(); break;
                case "path": device.Path = json.String(); break;
                case "major": device.Major = json.Long(); break;
                case "minor": device.Minor = json.Long(); break;
                case "fileMode": device.FileMode = json.UInt(); break;
                case "uid": device.Uid = json.UInt(); break;
                case "gid": device.Gid = json.UInt(); break;
                default: json.Skip(); break;
            }
        }
        return device;
    }

    private static SeccompSyscallSpec Syscall(ref SpecJsonReader json)
    {
        var rule = new SeccompSyscallSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "names": rule.Names = json.Strings(); break;
                case "action": rule.Action = json.String(); break;
                case "errnoRet": rule.ErrnoRet = json.UInt(); break;
                case "args": rule.Args = json.List(Argument); break;
                default: json.Skip(); break;
            }
        }
        return rule;
    }

    private static SeccompArgSpec Argument(ref SpecJsonReader json)
    {
        var argument = new SeccompArgSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "index": argument.Index = json.UInt(); break;
                case "value": argument.Value = json.ULong(); break;
                case "valueTwo": argument.ValueTwo = json.ULong(); break;
                case "op": argument.Op = json.String(); break;
                default: json.Skip(); break;
            }
        }
        return argument;
    }
}
