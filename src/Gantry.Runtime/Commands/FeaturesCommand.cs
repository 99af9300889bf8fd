using System.Text.Json;
using Gantry.Linux.Native;
using Gantry.Runtime.Rootfs;

namespace Gantry.Runtime.Commands;

/// <summary>features: what this runtime implements (the runtime specification's features.md).</summary>
internal static class FeaturesCommand
{
    public const string Version = "0.1.0";

    public const string SpecificationVersion = "1.3.0";

    public static readonly CommandSyntax Syntax = new("features", "", "print what the runtime implements as JSON")
    {
        MinOperands = 0,
        MaxOperands = 0,
    };

    public static int Run(CommandContext context, CommandArguments arguments)
    {
        CommandOutput.Print(JsonText.Indented(static writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("ociVersionMin", "1.0.0");
            writer.WriteString("ociVersionMax", SpecificationVersion);
            writer.WriteStrings(
                "hooks", ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]);
            writer.WriteStrings("mountOptions", MountOptions.Known());
            writer.WriteStartObject("linux");
            WriteLinux(writer);
            writer.WriteEndObject();
            writer.WriteStartObject("annotations");
            writer.WriteString("io.github.gantry.runtime.version", Version);
            // The name by which engines look for checkpoint support in any runtime.
            writer.WriteString("org.opencontainers.runc.checkpoint.enabled", "true");
            writer.WriteEndObject();
            writer.WriteStrings("potentiallyUnsafeConfigAnnotations", ["org.criu.config"]);
            writer.WriteEndObject();
        }));
        return 0;
    }

    private static void WriteLinux(Utf8JsonWriter writer)
    {
        writer.WriteStrings("namespaces", ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]);
        writer.WriteStrings("capabilities", LinuxCapability.All);
        writer.WriteStartObject("cgroup");
        foreach (var name in (ReadOnlySpan<string>)["v1", "v2", "systemd", "systemdUser", "rdma"])
        {
            writer.WriteBoolean(name, true);
        }
        writer.WriteEndObject();
        writer.WriteStartObject("seccomp");
        writer.WriteBoolean("enabled", true);
        writer.WriteEndObject();
        WriteEnabled(writer, "apparmor", false);
        WriteEnabled(writer, "selinux", false);
        WriteEnabled(writer, "intelRdt", false);
        writer.WriteStartObject("mountExtensions");
        WriteEnabled(writer, "idmap", true);
        writer.WriteEndObject();
    }

    private static void WriteEnabled(Utf8JsonWriter writer, string name, bool enabled)
    {
        writer.WriteStartObject(name);
        writer.WriteBoolean("enabled", enabled);
        writer.WriteEndObject();
    }
}
