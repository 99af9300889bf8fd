using Gantry.Kube.Api.Json;
using Gantry.Kube.Model;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>metadata.managedFields of one object.</summary>
internal sealed class ManagedFields
{
    public List<ManagedEntry> Entries { get; } = [];

    public static ManagedFields Read(JsonMap? metadata)
    {
        var managed = new ManagedFields();
        foreach (var entry in metadata?.Maps("managedFields") ?? [])
        {
            if (entry.Text("operation") is ManagedEntry.Apply or ManagedEntry.Update && entry.Map("fieldsV1") is { } fields)
            {
                managed.Entries.Add(new ManagedEntry(
                    entry.Text("manager") ?? "", entry.Text("operation")!, entry.Text("apiVersion") ?? "", entry.Text("subresource") ?? "", entry.Text("time"), FieldSet.Parse(fields)));
            }
        }

        return managed;
    }

    public void Write(JsonMap metadata)
    {
        Entries.RemoveAll(static e => e.Fields.IsEmpty && e.Operation == ManagedEntry.Update);
        if (Entries.Count == 0)
        {
            metadata.Remove("managedFields");
            return;
        }

        metadata["managedFields"] = Entries.Select(static e =>
        {
            var map = new JsonMap { ["manager"] = e.Manager, ["operation"] = e.Operation, ["apiVersion"] = e.ApiVersion };
            if (e.Time is not null)
            {
                map["time"] = e.Time;
            }

            map["fieldsType"] = "FieldsV1";
            map["fieldsV1"] = e.Fields.ToTree();
            if (e.Subresource.Length > 0)
            {
                map["subresource"] = e.Subresource;
            }

            return (object?)map;
        }).ToList();
    }

    /// <summary>The entry of a manager, made when absent.</summary>
    public ManagedEntry EntryOf(string manager, string operation, string apiVersion, string subresource, DateTimeOffset now)
    {
        var entry = Entries.Find(e => e.Is(manager, operation, subresource));
        if (entry is null)
        {
            entry = new ManagedEntry(manager, operation, apiVersion, subresource, KubeTime.Format(now), new FieldSet());
            Entries.Add(entry);
        }

        return entry;
    }
}
