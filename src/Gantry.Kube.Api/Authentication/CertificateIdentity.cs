using System.Security.Cryptography.X509Certificates;
using Gantry.Kube.Api.Requests;

namespace Gantry.Kube.Api.Authentication;

/// <summary>Reads a user from a client certificate: the common name is the name, the organizations are the groups.</summary>
internal static class CertificateIdentity
{
    private const string CommonName = "2.5.4.3";
    private const string Organization = "2.5.4.10";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>The user, or null when the authority did not sign the certificate for client authentication.</summary>
    public static UserInfo? Read(X509Certificate2 certificate, X509Certificate2 authority, DateTimeOffset now)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = now.UtcDateTime;
        chain.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid(ClientAuthentication));
        chain.ChainPolicy.DisableCertificateDownloads = true;
        if (!chain.Build(certificate))
        {
            return null;
        }

        string? name = null;
        var groups = new List<string>();
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames(reversed: false))
        {
            if (part.HasMultipleElements)
            {
                continue;
            }

            switch (part.GetSingleElementType().Value)
            {
                case CommonName: name = part.GetSingleElementValue(); break;
                case Organization when part.GetSingleElementValue() is { } group: groups.Add(group); break;
                default: break;
            }
        }

        groups.Add("system:authenticated");
        return string.IsNullOrEmpty(name) ? null : new UserInfo(name, groups);
    }
}
