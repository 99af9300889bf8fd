using System.Globalization;
using System.Text;
using System.Text.Json;
using Gantry.Faults;
using Gantry.Linux.Native;
using Gantry.Runtime.Create;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>state and list.</summary>
internal static class QueryCommands
{
    public static readonly CommandSyntax StateSyntax = new("state", "ID", "print a container's state as JSON");

    public static readonly CommandSyntax ListSyntax = new(
        "list", "", "list containers", """
        format|f=FORMAT  table or json (table)
        quiet|q          ids only

        """)
    { MinOperands = 0, MaxOperands = 0 };

    public static int State(CommandContext context, CommandArguments arguments)
    {
        var record = context.Store.Load(arguments.Id());
        CommandOutput.Print(JsonText.Indented(writer => WriteState(writer, context.Store, record)));
        return 0;
    }

    public static int List(CommandContext context, CommandArguments arguments)
    {
        var store = context.Store;
        var format = ReadFormat(arguments);
        var records = store.Ids().Where(static id => !id.StartsWith('.')).Select(store.TryLoad).OfType<ContainerRecord>().ToList();
        if (arguments.Has("quiet"))
        {
            CommandOutput.Print(string.Concat(records.Select(static record => record.Id + "\n")));
            return 0;
        }
        if (format == "json")
        {
            CommandOutput.Print(JsonText.Line(writer =>
            {
                writer.WriteStartArray();
                foreach (var record in records)
                {
                    WriteState(writer, store, record);
                }
                writer.WriteEndArray();
            }));
            return 0;
        }
        List<string[]> rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]];
        foreach (var record in records)
        {
            var status = ProcessTable.StatusOf(record, store);
            var pid = status == "stopped" ? 0 : record.Pid;
            rows.Add([
                record.Id, pid.ToString(CultureInfo.InvariantCulture), status, record.Bundle, record.CreatedAt,
                OwnerOf(store, record)]);
        }
        CommandOutput.Print(Align(rows));
        return 0;
    }

    /// <summary>table unless --format says json.</summary>
    public static string ReadFormat(CommandArguments arguments)
    {
        var format = arguments.Value("format") ?? "table";
        return format is "table" or "json"
            ? format
            : throw new FaultException(FaultKind.InvalidArgument, $"--format {format}: invalid format option; use table or json");
    }

    private static string Align(List<string[]> rows)
    {
        const int gap = 3;
        const int least = 12;
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            for (var column = 0; column < row.Length; column++)
            {
                var width = Math.Max(least, rows.Max(other => other[column].Length) + gap);
                text.Append(column == row.Length - 1 ? row[column] : row[column].PadRight(width));
            }
            text.Append('\n');
        }
        return text.ToString();
    }

    private static void WriteState(Utf8JsonWriter writer, StateStore store, ContainerRecord record)
    {
        var state = ContainerCreator.StateOf(record, ProcessTable.StatusOf(record, store));
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
        writer.WriteString("owner", OwnerOf(store, record));
        writer.WriteEndObject();
    }

    /// <summary>Who owns the container's directory: the name that /etc/passwd has for it, or #UID.</summary>
    private static string OwnerOf(StateStore store, ContainerRecord record)
    {
        if (SysStat.TryStatus(Fcntl.AT_FDCWD, store.DirectoryOf(record.Id), false, out var status) != 0)
        {
            return "";
        }
        var uid = status.UserId.ToString(CultureInfo.InvariantCulture);
        foreach (var line in Encoding.UTF8.GetString(SmallFile.TryRead("/etc/passwd") ?? []).Split('\n'))
        {
            if (line.Split(':') is [var name, _, var number, ..] && number == uid)
            {
                return name;
            }
        }
        return "#" + uid;
    }
}
