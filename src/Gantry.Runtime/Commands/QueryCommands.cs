using System.Globalization;
using System.Text;
using System.Text.Json;
using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Create;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>state, list, ps, spec and features.</summary>
internal static class QueryCommands
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true };

    public static int State(StateStore store, ReadOnlySpan<string> args)
    {
        var record = store.Load(new CommandArguments(args, "").Id());
        Print(writer => WriteState(writer, record, ProcessTable.StatusOf(record, store)));
        return 0;
    }

    public static int List(StateStore store, ReadOnlySpan<string> args)
    {
        var arguments = new CommandArguments(args, "format|f quiet|q!");
        var records = store.Ids().Where(static id => !id.StartsWith('.')).Select(store.TryLoad).OfType<ContainerRecord>().ToList();
        if (arguments.Has("quiet"))
        {
            CommandOutput.Print(string.Concat(records.Select(static record => record.Id + "\n")));
            return 0;
        }
        if (arguments.Value("format") == "json")
        {
            Print(writer =>
            {
                writer.WriteStartArray();
                foreach (var record in records)
                {
                    WriteState(writer, record, ProcessTable.StatusOf(record, store));
                }
                writer.WriteEndArray();
            });
            return 0;
        }
        var table = new StringBuilder("ID                  PID         STATUS      BUNDLE      CREATED\n");
        foreach (var record in records)
        {
            table.Append(CultureInfo.InvariantCulture, $"{record.Id,-20}{record.Pid,-12}")
                .Append(CultureInfo.InvariantCulture, $"{ProcessTable.StatusOf(record, store),-12}{record.Bundle}  {record.CreatedAt}\n");
        }
        CommandOutput.Print(table.ToString());
        return 0;
    }

    public static int Processes(StateStore store, ReadOnlySpan<string> args)
    {
        var arguments = new CommandArguments(args, "format|f", operandLimit: 1);
        var pids = ControlGroup.Open(store.Load(arguments.Id()).CgroupPath).ProcessIds();
        if (arguments.Value("format") == "json")
        {
            CommandOutput.Print($"[{string.Join(',', pids)}]\n");
            return 0;
        }
        var table = new StringBuilder("PID       CMD\n");
        foreach (var pid in pids)
        {
            var command = Encoding.UTF8.GetString(SmallFile.TryRead($"/proc/{pid}/cmdline") ?? []).Replace('\0', ' ').Trim();
            table.Append(CultureInfo.InvariantCulture, $"{pid,-10}{command}\n");
        }
        CommandOutput.Print(table.ToString());
        return 0;
    }

    public static int Spec(ReadOnlySpan<string> args)
    {
        var arguments = new CommandArguments(args, "bundle|b rootless!");
        var path = Path.Combine(arguments.Value("bundle") ?? ".", "config.json");
        if (File.Exists(path))
        {
            throw new FaultException(FaultKind.AlreadyExists, $"{path}: exists; remove it first");
        }
        using var document = JsonDocument.Parse(RuntimeSpecJson.Write(DefaultSpec.Create()));
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Indented))
        {
            document.WriteTo(writer);
        }
        SmallFile.Write(path, stream.ToArray(), 0x1A4);
        return 0;
    }

    public static int Features()
    {
        Print(static writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("ociVersionMin", "1.0.0");
            writer.WriteString("ociVersionMax", "1.2.0");
            WriteStrings(
                writer, "hooks",
                ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]);
            WriteStrings(
                writer, "mountOptions",
                [
                    "bind", "rbind", "ro", "rw", "rro", "rrw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "noatime",
                    "relatime", "strictatime", "nodiratime", "nosymfollow", "private", "rprivate", "slave", "rslave",
                    "shared", "rshared", "unbindable", "runbindable", "defaults",
                ]);
            writer.WriteStartObject("linux");
            WriteStrings(writer, "namespaces", ["cgroup", "ipc", "mount", "network", "pid", "user", "uts"]);
            WriteStrings(writer, "capabilities", LinuxCapability.All);
            writer.WriteStartObject("cgroup");
            writer.WriteBoolean("v1", true);
            writer.WriteBoolean("v2", true);
            writer.WriteBoolean("systemd", false);
            writer.WriteEndObject();
            writer.WriteStartObject("seccomp");
            writer.WriteBoolean("enabled", true);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteEndObject();
        });
        return 0;
    }

    private static void WriteStrings(Utf8JsonWriter writer, string name, IEnumerable<string> values)
    {
        writer.WriteStartArray(name);
        foreach (var value in values)
        {
            writer.WriteStringValue(value);
        }
        writer.WriteEndArray();
    }

    private static void WriteState(Utf8JsonWriter writer, ContainerRecord record, string status)
    {
        var state = ContainerCreator.StateOf(record, status);
        writer.WriteStartObject();
        writer.WriteString("ociVersion", state.OciVersion);
        writer.WriteString("id", state.Id);
        writer.WriteNumber("pid", state.Pid);
        writer.WriteString("status", state.Status);
        writer.WriteString("bundle", state.Bundle);
        writer.WriteString("rootfs", record.Rootfs);
        writer.WriteString("created", record.CreatedAt);
        if (state.Annotations is not null)
        {
            writer.WriteStartObject("annotations");
            foreach (var (key, value) in state.Annotations)
            {
                writer.WriteString(key, value);
            }
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static void Print(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Indented))
        {
            write(writer);
        }
        stream.WriteByte((byte)'\n');
        CommandOutput.Print(stream.ToArray());
    }
}
