using System.Security.Cryptography.X509Certificates;

namespace Gantry.Store.Etcd;

/// <summary>Which etcd an <see cref="EtcdStore"/> uses, and how it keeps its history.</summary>
/// <param name="Endpoints">Addresses of one or more members, http or https. The first that answers is used.</param>
public sealed record EtcdStoreOptions(IReadOnlyList<Uri> Endpoints)
{
    /// <summary>What every key of this store begins with: several clusters can share an etcd. Begins with a slash, ends without.</summary>
    public string Prefix { get; init; } = "/gantry";

    /// <summary>Whose certificates are trusted; null: the system's authorities.</summary>
    public X509Certificate2Collection? Authorities { get; init; }

    /// <summary>The client's certificate, with its key; null: none.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>How long a call may take before it fails. etcd itself gives up on a proposal after 5 s and two elections.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the first contact may take, so that etcd and gantryd can be started together.</summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>History younger than this is kept.</summary>
    public TimeSpan HistoryAge { get; init; } = TimeSpan.FromHours(24);

    /// <summary>When etcd's database uses more than this, history is shortened until it uses less.</summary>
    public long HistoryBytes { get; init; } = 1L << 30;

    /// <summary>How often history is trimmed. Kubernetes compacts etcd every five minutes.</summary>
    public TimeSpan CompactionInterval { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
