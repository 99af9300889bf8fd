namespace Gantry.Kube.Api.Tests.Kubectl;

/// <summary>The kubectl programs of this machine: kubectl on the PATH, and kubectl.1.27 and so on beside it.</summary>
internal static class KubectlBinaries
{
    public static TheoryData<string> All()
    {
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Select(static d => Path.Combine(d, "kubectl"))
            .FirstOrDefault(File.Exists);
        if (found is null)
        {
            return ["none"];
        }

        var target = new FileInfo(found).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? found;
        var versions = Directory.GetFiles(Path.GetDirectoryName(target)!, "kubectl.1.*").Order(StringComparer.Ordinal).ToList();
        return [.. versions.Count > 0 ? versions : [found]];
    }
}
