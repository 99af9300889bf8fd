using System.Text.Json;
using Gantry.Faults;

namespace Gantry.Daemon.Storage;

/// <summary>
/// ROOT/store.json: where this root's cluster is. It is written when a cluster is first opened elsewhere than in ROOT/cluster.db, and
/// by a migration, whose last step it is. Settings must agree with it: a cluster is moved, never forgotten.
/// </summary>
internal static class StoreChoiceFile
{
    /// <summary>The choice that holds, after comparing settings with what is on disk.</summary>
    public static StoreChoice Resolve(string root, StoreChoice? settings)
    {
        var stored = Read(root);
        if (settings is null)
        {
            return stored ?? new StoreChoice();
        }

        var present = stored ?? (File.Exists(StoreChoice.DatabasePath(root)) ? new StoreChoice() : null);
        if (present is not null && !present.IsSameStateAs(settings))
        {
            throw new FaultException(
                FaultKind.FailedPrecondition,
                $"the cluster of {root} is in {present}, but the settings say {settings}: start it without these settings, then move it with \"gantry store migrate\"");
        }

        return settings;
    }

    public static StoreChoice? Read(string root)
    {
        var path = PathOf(root);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var map = document.RootElement;
            return new StoreChoice
            {
                Kind = map.GetProperty("store").GetString()!,
                Endpoints = [.. map.GetProperty("etcd-endpoints").EnumerateArray().Select(static item => item.GetString()!)],
                Prefix = map.GetProperty("etcd-prefix").GetString()!,
                AuthorityFile = Text(map, "etcd-ca"),
                CertificateFile = Text(map, "etcd-cert"),
                KeyFile = Text(map, "etcd-key"),
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FaultException(FaultKind.DataLoss, $"{path} is damaged ({e.Message}): it says where the cluster is; write it again or delete it if that is {StoreChoice.DatabasePath(root)}", e);
        }
    }

    /// <summary>Replaces the file durably.</summary>
    public static void Write(string root, StoreChoice choice)
    {
        var path = PathOf(root);
        using (var file = File.Create(path + ".new"))
        {
            using (var writer = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true }))
            {
                writer.WriteStartObject();
                writer.WriteString("store", choice.Kind);
                writer.WriteStartArray("etcd-endpoints");
                foreach (var endpoint in choice.Endpoints)
                {
                    writer.WriteStringValue(endpoint);
                }

                writer.WriteEndArray();
                writer.WriteString("etcd-prefix", choice.Prefix);
                Optional(writer, "etcd-ca", choice.AuthorityFile);
                Optional(writer, "etcd-cert", choice.CertificateFile);
                Optional(writer, "etcd-key", choice.KeyFile);
                writer.WriteEndObject();
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path, overwrite: true);
    }

    private static string PathOf(string root) => Path.Combine(root, "store.json");

    private static void Optional(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }

    private static string? Text(JsonElement map, string name) => map.TryGetProperty(name, out var value) ? value.GetString() : null;
}
