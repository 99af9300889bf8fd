using System.Net;
using Gantry.Kube.Api.Authentication;

namespace Gantry.Kube.Api.Tests.Authentication;

public sealed class ClusterCertificatesTests
{
    [Fact]
    public void Open_Twice_KeepsEverythingAndItsModes()
    {
        var directory = Directory.CreateTempSubdirectory("kube-api-pki-").FullName;
        using var first = ClusterCertificatesAccess.Open(directory);
        using var second = ClusterCertificatesAccess.Open(directory);
        using var moved = ClusterCertificates.Open(directory, ["localhost", "new.example.com"], [IPAddress.Loopback]);
        var modes = Directory.GetFiles(directory, "*.key").Select(File.GetUnixFileMode).Distinct().ToList();
        Directory.Delete(directory, recursive: true);

        Assert.Equal(first.Authority.Thumbprint, second.Authority.Thumbprint);
        Assert.Equal(first.Serving.Thumbprint, second.Serving.Thumbprint);
        Assert.NotEqual(first.Serving.Thumbprint, moved.Serving.Thumbprint);
        Assert.Equal(first.Authority.Thumbprint, moved.Authority.Thumbprint);
        Assert.Equal([UnixFileMode.UserRead | UnixFileMode.UserWrite], modes);
    }
}

internal static class ClusterCertificatesAccess
{
    public static ClusterCertificates Open(string directory) => ClusterCertificates.Open(directory, ["localhost"], [IPAddress.Loopback]);
}
