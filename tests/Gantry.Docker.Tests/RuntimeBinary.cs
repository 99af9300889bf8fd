using System.Diagnostics;

namespace Gantry.Docker.Tests;

/// <summary>The published gantry-runtime; published now unless it is newer than every source.</summary>
internal static class RuntimeBinary
{
    private static readonly Lazy<string> s_path = new(Publish);

    internal static string Path => s_path.Value;

    private static string Publish()
    {
        string top = AppContext.BaseDirectory;
        while (!File.Exists(System.IO.Path.Combine(top, "Gantry.slnx")))
        {
            top = System.IO.Path.GetDirectoryName(top) ?? throw new InvalidOperationException("Gantry.slnx was not found");
        }

        string binary = $"{top}/artifacts/publish/Gantry.Runtime/release_linux-x64/gantry-runtime";
        DateTime newest = new[] { "Runtime", "Monitor", "Linux", "Oci", "Faults" }
            .SelectMany(room => Directory.EnumerateFiles($"{top}/src/Gantry.{room}", "*.cs*", SearchOption.AllDirectories))
            .Max(File.GetLastWriteTimeUtc);
        if (!File.Exists(binary) || File.GetLastWriteTimeUtc(binary) < newest)
        {
            string[] arguments = ["publish", $"{top}/src/Gantry.Runtime", "-c", "Release", "-r", "linux-x64", "-v", "q"];
            using Process process = Process.Start(new ProcessStartInfo("dotnet", arguments))!;
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            File.SetLastWriteTimeUtc(binary, DateTime.UtcNow);
        }

        return binary;
    }
}
