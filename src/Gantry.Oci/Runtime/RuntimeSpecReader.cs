namespace Gantry.Oci.Runtime;

/// <summary>Reads config.json: root, mounts, process, hooks. The Linux part is in RuntimeSpecReader.Linux.cs.</summary>
internal static partial class RuntimeSpecReader
{
    public static RuntimeSpec Spec(ref SpecJsonReader json)
    {
        var spec = new RuntimeSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "ociVersion": spec.OciVersion = json.String(); break;
                case "root": spec.Root = Root(ref json); break;
                case "mounts": spec.Mounts = json.List(Mount); break;
                case "process": spec.Process = Process(ref json); break;
                case "hostname": spec.Hostname = json.String(); break;
                case "domainname": spec.Domainname = json.String(); break;
                case "hooks": spec.Hooks = Hooks(ref json); break;
                case "annotations": spec.Annotations = json.StringTable(); break;
                case "linux": spec.Linux = Linux(ref json); break;
                default: json.Skip(); break;
            }
        }
        return spec;
    }

    public static ProcessSpec Process(ref SpecJsonReader json)
    {
        var process = new ProcessSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "terminal": process.Terminal = json.Bool(); break;
                case "consoleSize": process.ConsoleSize = ConsoleSize(ref json); break;
                case "user": process.User = User(ref json); break;
                case "args": process.Args = json.Strings(); break;
                case "env": process.Env = json.Strings(); break;
                case "cwd": process.Cwd = json.String(); break;
                case "capabilities": process.Capabilities = Capabilities(ref json); break;
                case "rlimits": process.Rlimits = json.List(Rlimit); break;
                case "noNewPrivileges": process.NoNewPrivileges = json.Bool(); break;
                case "apparmorProfile": process.ApparmorProfile = json.String(); break;
                case "oomScoreAdj": process.OomScoreAdj = json.Int(); break;
                case "selinuxLabel": process.SelinuxLabel = json.String(); break;
                case "scheduler": process.Scheduler = Scheduler(ref json); break;
                case "ioPriority": process.IoPriority = IoPriority(ref json); break;
                case "execCPUAffinity": process.ExecCPUAffinity = CpuAffinity(ref json); break;
                default: json.Skip(); break;
            }
        }
        return process;
    }

    private static RootSpec Root(ref SpecJsonReader json)
    {
        var root = new RootSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "path": root.Path = json.String(); break;
                case "readonly": root.Readonly = json.Bool(); break;
                default: json.Skip(); break;
            }
        }
        return root;
    }

    private static MountSpec Mount(ref SpecJsonReader json)
    {
        var mount = new MountSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "destination": mount.Destination = json.String(); break;
                case "type": mount.Type = json.String(); break;
                case "source": mount.Source = json.String(); break;
                case "options": mount.Options = json.Strings(); break;
                case "uidMappings": mount.UidMappings = json.List(IdMapping); break;
                case "gidMappings": mount.GidMappings = json.List(IdMapping); break;
                default: json.Skip(); break;
            }
        }
        return mount;
    }

    private static IdMappingSpec IdMapping(ref SpecJsonReader json)
    {
        var mapping = new IdMappingSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "containerID": mapping.ContainerID = json.UInt(); break;
                case "hostID": mapping.HostID = json.UInt(); break;
                case "size": mapping.Size = json.UInt(); break;
                default: json.Skip(); break;
            }
        }
        return mapping;
    }

    private static ConsoleSizeSpec ConsoleSize(ref SpecJsonReader json)
    {
        var size = new ConsoleSizeSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "height": size.Height = json.UShort(); break;
                case "width": size.Width = json.UShort(); break;
                default: json.Skip(); break;
            }
        }
        return size;
    }

    private static UserSpec User(ref SpecJsonReader json)
    {
        var user = new UserSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "uid": user.Uid = json.UInt(); break;
                case "gid": user.Gid = json.UInt(); break;
                case "umask": user.Umask = json.UInt(); break;
                case "additionalGids": user.AdditionalGids = json.UInts(); break;
                default: json.Skip(); break;
            }
        }
        return user;
    }

    private static CapabilitiesSpec Capabilities(ref SpecJsonReader json)
    {
        var sets = new CapabilitiesSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "bounding": sets.Bounding = json.Strings(); break;
                case "effective": sets.Effective = json.Strings(); break;
                case "inheritable": sets.Inheritable = json.Strings(); break;
                case "permitted": sets.Permitted = json.Strings(); break;
                case "ambient": sets.Ambient = json.Strings(); break;
                default: json.Skip(); break;
            }
        }
        return sets;
    }

    private static RlimitSpec Rlimit(ref SpecJsonReader json)
    {
        var limit = new RlimitSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "type": limit.Type = json.String(); break;
                case "hard": limit.Hard = json.ULong(); break;
                case "soft": limit.Soft = json.ULong(); break;
                default: json.Skip(); break;
            }
        }
        return limit;
    }

    private static HooksSpec Hooks(ref SpecJsonReader json)
    {
        var hooks = new HooksSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "prestart": hooks.Prestart = json.List(Hook); break;
                case "createRuntime": hooks.CreateRuntime = json.List(Hook); break;
                case "createContainer": hooks.CreateContainer = json.List(Hook); break;
                case "startContainer": hooks.StartContainer = json.List(Hook); break;
                case "poststart": hooks.Poststart = json.List(Hook); break;
                case "poststop": hooks.Poststop = json.List(Hook); break;
                default: json.Skip(); break;
            }
        }
        return hooks;
    }

    private static HookSpec Hook(ref SpecJsonReader json)
    {
        var hook = new HookSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "path": hook.Path = json.String(); break;
                case "args": hook.Args = json.Strings(); break;
                case "env": hook.Env = json.Strings(); break;
                case "timeout": hook.Timeout = json.Int(); break;
                default: json.Skip(); break;
            }
        }
        return hook;
    }
}
