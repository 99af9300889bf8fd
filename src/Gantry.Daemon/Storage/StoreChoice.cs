using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Gantry.Faults;
using Gantry.Store.Etcd;
using Gantry.Store.Sqlite;

namespace Gantry.Daemon.Storage;

/// <summary>Where a cluster's state is: in ROOT/cluster.db, or in an etcd. Comes from settings or from ROOT/store.json.</summary>
internal sealed record StoreChoice
{
    public const string Sqlite = "sqlite";

    public const string Etcd = "etcd";

    /// <summary>The settings that say where, in the order of the documents.</summary>
    public static readonly string[] Settings = ["store", "etcd-endpoints", "etcd-prefix", "etcd-ca", "etcd-cert", "etcd-key"];

    public string Kind { get; init; } = Sqlite;

    /// <summary>http or https addresses of etcd's members.</summary>
    public IReadOnlyList<string> Endpoints { get; init; } = [];

    public string Prefix { get; init; } = "/gantry";

    /// <summary>PEM files: the authority to trust, and the client's certificate and key. Null: the system's, and none.</summary>
    public string? AuthorityFile { get; init; }

    public string? CertificateFile { get; init; }

    public string? KeyFile { get; init; }

    /// <summary>Reads settings by name; null when none is given. Mistakes are added to <paramref name="errors"/>.</summary>
    public static StoreChoice? Read(Func<string, string?> setting, List<string> errors)
    {
        if (Array.TrueForAll(Settings, name => setting(name) is null))
        {
            return null;
        }

        var kind = setting("store") ?? (setting("etcd-endpoints") is null ? Sqlite : Etcd);
        var choice = new StoreChoice
        {
            Kind = kind,
            Endpoints = (setting("etcd-endpoints") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            Prefix = setting("etcd-prefix") ?? "/gantry",
            AuthorityFile = setting("etcd-ca"),
            CertificateFile = setting("etcd-cert"),
            KeyFile = setting("etcd-key"),
        };
        choice.Check(errors);
        return choice;
    }

    /// <summary>Whether both mean the same state, by whatever addresses and certificates.</summary>
    public bool IsSameStateAs(StoreChoice other) => Kind == other.Kind && (Kind == Sqlite || Prefix == other.Prefix);

    public override string ToString() => Kind == Sqlite ? Sqlite : $"etcd at {string.Join(',', Endpoints)}, below {Prefix}";

    /// <summary>Options for the etcd of this choice; reads the certificates.</summary>
    public EtcdStoreOptions ToEtcdOptions(HistoryLimits history)
    {
        try
        {
            X509Certificate2Collection? authorities = null;
            if (AuthorityFile is not null)
            {
                authorities = [];
                authorities.ImportFromPemFile(AuthorityFile);
            }

            return new EtcdStoreOptions([.. Endpoints.Select(static text => new Uri(text))])
            {
                Prefix = Prefix,
                Authorities = authorities,
                ClientCertificate = CertificateFile is null ? null : X509Certificate2.CreateFromPemFile(CertificateFile, KeyFile),
                HistoryAge = history.Age,
                HistoryBytes = history.Bytes,
            };
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"etcd-ca, etcd-cert, etcd-key: {e.Message}", e);
        }
    }

    public static SqliteStoreOptions ToSqliteOptions(string root, HistoryLimits history) =>
        new(DatabasePath(root)) { HistorySpan = history.Age, HistoryBytes = history.Bytes };

    public static string DatabasePath(string root) => Path.Combine(root, "cluster.db");

    private void Check(List<string> errors)
    {
        if (Kind is not (Sqlite or Etcd))
        {
            errors.Add($"store {Kind} is neither sqlite nor etcd");
        }

        if (Kind == Etcd && Endpoints.Count == 0)
        {
            errors.Add("store etcd needs etcd-endpoints such as https://127.0.0.1:2379");
        }

        foreach (var text in Endpoints)
        {
            if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.AbsolutePath != "/")
            {
                errors.Add($"etcd-endpoints {text} is not an address such as https://127.0.0.1:2379");
            }
        }

        if (!Prefix.StartsWith('/') || Prefix.EndsWith('/'))
        {
            errors.Add($"etcd-prefix {Prefix} must begin with a slash and not end with one, as /gantry");
        }

        if (CertificateFile is null != KeyFile is null)
        {
            errors.Add("etcd-cert and etcd-key must be given together");
        }

        foreach (var (name, file) in new[] { ("etcd-ca", AuthorityFile), ("etcd-cert", CertificateFile), ("etcd-key", KeyFile) })
        {
            if (file is not null && !File.Exists(file))
            {
                errors.Add(string.Create(CultureInfo.InvariantCulture, $"{name} {file} does not exist"));
            }
        }
    }
}
