using System.Security.Cryptography.X509Certificates;

namespace Gantry.Grpc;

/// <summary>How a <see cref="GrpcChannel"/> connects.</summary>
/// <param name="Address">http://HOST:PORT, or https:// for TLS.</param>
public sealed record GrpcChannelOptions(Uri Address)
{
    /// <summary>Whose certificates are trusted; null: the system's authorities.</summary>
    public X509Certificate2Collection? Authorities { get; init; }

    /// <summary>The certificate, with its private key, by which the server knows the client; null: none.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>Sent with every call.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>How long a connection may take to open.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// How long a connection with calls may be silent before it is probed. gRPC servers close connections that probe more
    /// often than every 5 minutes, etcd's allow 5 seconds (--grpc-keepalive-min-time).
    /// </summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(10);
}
