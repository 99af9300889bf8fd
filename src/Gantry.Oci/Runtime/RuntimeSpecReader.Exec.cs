namespace Gantry.Oci.Runtime;

/// <summary>Reads the part of a config.json that an exec needs.</summary>
internal static partial class RuntimeSpecReader
{
    public static RuntimeSpec SpecForExec(ref SpecJsonReader json)
    {
        var spec = new RuntimeSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "process": spec.Process = Process(ref json); break;
                case "linux": spec.Linux = LinuxForExec(ref json); break;
                default: json.Skip(); break;
            }
        }
        return spec;
    }

    private static LinuxSpec LinuxForExec(ref SpecJsonReader json)
    {
        var linux = new LinuxSpec();
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "seccomp": linux.Seccomp = SeccompForExec(ref json); break;
                case "personality": linux.Personality = Personality(ref json); break;
                case "memoryPolicy": linux.MemoryPolicy = MemoryPolicy(ref json); break;
                default: json.Skip(); break;
            }
        }
        return linux;
    }

    private static SeccompSpec SeccompForExec(ref SpecJsonReader json)
    {
        var seccomp = new SeccompSpec();
        var start = json.Start;
        json.BeginObject();
        while (json.NextMember() is { } name)
        {
            switch (name)
            {
                case "listenerPath": seccomp.ListenerPath = json.String(); break;
                case "listenerMetadata": seccomp.ListenerMetadata = json.String(); break;
                default: json.Skip(); break;
            }
        }
        seccomp.Source = json.From(start);
        return seccomp;
    }
}
