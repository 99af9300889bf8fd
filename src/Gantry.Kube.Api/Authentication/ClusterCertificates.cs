using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Gantry.Kube.Api.Authentication;

/// <summary>
/// The cluster's own authority and what it signed, as PEM files of one directory (private keys with mode 0600): made once,
/// read ever after. The serving certificate is made anew when it lacks a name or is about to expire. ECDSA P-256.
/// </summary>
public sealed class ClusterCertificates : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private static readonly TimeSpan AuthorityLifetime = TimeSpan.FromDays(3650);
    private static readonly TimeSpan LeafLifetime = TimeSpan.FromDays(365);
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(30);

    private readonly string _directory;
    private readonly TimeProvider _time;

    private ClusterCertificates(string directory, TimeProvider time)
    {
        _directory = directory;
        _time = time;
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Authority = LoadOrMake("ca", TimeSpan.Zero, MakeAuthority);
        ServiceAccountKey = LoadOrMakeKey();
    }

    /// <summary>The authority, with its private key.</summary>
    public X509Certificate2 Authority { get; }

    /// <summary>The server's certificate, with its private key.</summary>
    public X509Certificate2 Serving { get; private set; } = null!;

    /// <summary>The certificate of the administrator: user kubernetes-admin, group system:masters.</summary>
    public X509Certificate2 Admin { get; private set; } = null!;

    /// <summary>The key that signs service account tokens.</summary>
    public ECDsa ServiceAccountKey { get; }

    /// <summary>The authority's certificate as PEM: what clients and pods trust.</summary>
    public string AuthorityPem => Authority.ExportCertificatePem() + "\n";

    /// <summary>
    /// Opens a directory, making what is missing. <paramref name="names"/> and <paramref name="addresses"/> are those by
    /// which clients reach the server.
    /// </summary>
    public static ClusterCertificates Open(string directory, IReadOnlyCollection<string> names, IReadOnlyCollection<IPAddress> addresses, TimeProvider? time = null)
    {
        var certificates = new ClusterCertificates(directory, time ?? TimeProvider.System);
        certificates.Serving = certificates.LoadOrMake("apiserver", RenewBefore, () => certificates.Issue("kube-apiserver", [], ServerAuthentication, names, addresses), c => Covers(c, names, addresses));
        certificates.Admin = certificates.LoadOrMake("admin", RenewBefore, () => certificates.IssueClient("kubernetes-admin", ["system:masters"]));
        return certificates;
    }

    /// <summary>Signs a client certificate for a user; the caller disposes it.</summary>
    public X509Certificate2 IssueClient(string user, IReadOnlyList<string> groups) => Issue(user, groups, ClientAuthentication, [], []);

    /// <inheritdoc />
    public void Dispose()
    {
        Authority.Dispose();
        Serving?.Dispose();
        Admin?.Dispose();
        ServiceAccountKey.Dispose();
    }

    private X509Certificate2 MakeAuthority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Subject("gantry-ca", []), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = _time.GetUtcNow();
        return request.CreateSelfSigned(now.AddHours(-1), now + AuthorityLifetime);
    }

    private X509Certificate2 Issue(string name, IReadOnlyList<string> groups, string purpose, IReadOnlyCollection<string> names, IReadOnlyCollection<IPAddress> addresses)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Subject(name, groups), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Authority, true, false));
        if (names.Count + addresses.Count > 0)
        {
            var alternatives = new SubjectAlternativeNameBuilder();
            names.ToList().ForEach(alternatives.AddDnsName);
            addresses.ToList().ForEach(alternatives.AddIpAddress);
            request.CertificateExtensions.Add(alternatives.Build());
        }

        var now = _time.GetUtcNow();
        using var signed = request.Create(Authority, now.AddHours(-1), now + LeafLifetime, RandomNumberGenerator.GetBytes(16));
        return signed.CopyWithPrivateKey(key);
    }

    private static X500DistinguishedName Subject(string name, IReadOnlyList<string> groups)
    {
        var builder = new X500DistinguishedNameBuilder();
        foreach (var group in groups)
        {
            builder.AddOrganizationName(group);
        }

        builder.AddCommonName(name);
        return builder.Build();
    }

    private X509Certificate2 LoadOrMake(string name, TimeSpan renewBefore, Func<X509Certificate2> make, Func<X509Certificate2, bool>? fits = null)
    {
        var certificatePath = Path.Combine(_directory, name + ".crt");
        var keyPath = Path.Combine(_directory, name + ".key");
        if (File.Exists(certificatePath) && File.Exists(keyPath))
        {
            var loaded = X509Certificate2.CreateFromPemFile(certificatePath, keyPath);
            if (loaded.NotAfter.ToUniversalTime() - renewBefore > _time.GetUtcNow().UtcDateTime && (fits?.Invoke(loaded) ?? true))
            {
                return loaded;
            }

            loaded.Dispose();
        }

        var made = make();
        using var key = made.GetECDsaPrivateKey()!;
        WriteSecret(keyPath, key.ExportPkcs8PrivateKeyPem());
        WriteFile(certificatePath, made.ExportCertificatePem() + "\n", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        return made;
    }

    private ECDsa LoadOrMakeKey()
    {
        var path = Path.Combine(_directory, "sa.key");
        if (!File.Exists(path))
        {
            using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            WriteSecret(path, made.ExportPkcs8PrivateKeyPem());
        }

        var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(path));
        return key;
    }

    private static bool Covers(X509Certificate2 certificate, IReadOnlyCollection<string> names, IReadOnlyCollection<IPAddress> addresses)
    {
        var alternatives = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault();
        return names.All(n => alternatives?.EnumerateDnsNames().Contains(n, StringComparer.OrdinalIgnoreCase) == true)
            && addresses.All(a => alternatives?.EnumerateIPAddresses().Contains(a) == true);
    }

    private static void WriteSecret(string path, string text) => WriteFile(path, text + "\n", UnixFileMode.UserRead | UnixFileMode.UserWrite);

    /// <summary>Writes beside and renames, so that a crash leaves the old file or the new one.</summary>
    private static void WriteFile(string path, string text, UnixFileMode mode)
    {
        var temporary = path + ".new";
        File.Delete(temporary);
        using (var stream = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode }))
        {
            stream.Write(System.Text.Encoding.ASCII.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
