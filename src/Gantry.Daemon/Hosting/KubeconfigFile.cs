using System.Text;
using Gantry.Daemon.Configuration;
using Gantry.Kube.Api.Authentication;

namespace Gantry.Daemon.Hosting;

/// <summary>The administrator's kubeconfig: server, CA, client certificate and key in one file that only root reads.</summary>
internal static class KubeconfigFile
{
    public static void Write(DaemonOptions options, ClusterCertificates certificates)
    {
        var text = Render(options, certificates);
        Directory.CreateDirectory(Path.GetDirectoryName(options.Kubeconfig)!);
        if (File.Exists(options.Kubeconfig) && File.ReadAllText(options.Kubeconfig) == text)
        {
            return;
        }

        var temporary = options.Kubeconfig + ".new";
        File.Delete(temporary);
        using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
        }

        File.Move(temporary, options.Kubeconfig, overwrite: true);
    }

    public static string Render(DaemonOptions options, ClusterCertificates certificates)
    {
        static string Base64(string pem) => Convert.ToBase64String(Encoding.UTF8.GetBytes(pem));
        var key = certificates.Admin.GetECDsaPrivateKeyPem();
        var host = options.ApiAddress.Address.Equals(System.Net.IPAddress.Any) ? "127.0.0.1" : options.ApiAddress.Address.ToString();
        return $"""
            apiVersion: v1
            kind: Config
            current-context: gantry
            clusters:
            - name: gantry
              cluster:
                server: https://{host}:{options.ApiAddress.Port}
                certificate-authority-data: {Base64(certificates.AuthorityPem)}
            contexts:
            - name: gantry
              context:
                cluster: gantry
                user: gantry-admin
            users:
            - name: gantry-admin
              user:
                client-certificate-data: {Base64(certificates.Admin.ExportCertificatePem() + "\n")}
                client-key-data: {Base64(key + "\n")}

            """;
    }

    private static string GetECDsaPrivateKeyPem(this System.Security.Cryptography.X509Certificates.X509Certificate2 certificate)
    {
        using var key = System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions.GetECDsaPrivateKey(certificate)
            ?? throw new InvalidOperationException("the administrator's certificate has no private key");
        return key.ExportPkcs8PrivateKeyPem();
    }
}
