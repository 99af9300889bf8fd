using System.Xml.Linq;

namespace Gantry.Architecture.Tests;

/// <summary>Dependencies point down the floors, and nothing skips a rule by being new.</summary>
public class ReferenceTests
{
    // The rooms from top to bottom; a room may reference only rooms of a later line, or named exceptions.
    private static readonly string[][] s_floors =
    [
        ["Gantry.Daemon", "Gantry.Cli"],
        ["Gantry.Docker", "Gantry.Kube.Api", "Gantry.Registry"],
        ["Gantry.Kube.Controllers", "Gantry.Kube.Scheduler", "Gantry.Kube.Node", "Gantry.Kube.Network"],
        ["Gantry.Kube.Client"],
        ["Gantry.Kube.Model"],
        ["Gantry.Build"],
        ["Gantry.Engine"],
        ["Gantry.Network", "Gantry.Images"],
        ["Gantry.Runtime"],
        ["Gantry.Monitor"],
        ["Gantry.Store.Etcd"],
        ["Gantry.Store"],
        ["Gantry.Oci", "Gantry.Linux", "Gantry.Grpc"],
        ["Gantry.Schema"],
        ["Gantry.Faults"],
    ];

    public static TheoryData<string> Projects() => [.. Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src")).Select(path => Path.GetFileName(path)!)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_References_PointDown(string project)
    {
        var floor = Floor(project);
        var document = XDocument.Load(Path.Combine(Repository.Root, "src", project, project + ".csproj"));
        var references = document.Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')));

        Assert.All(references, reference => Assert.True(Floor(reference) > floor, $"{project} references {reference}, which is not below it"));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_HasAReadme_OfAtMostThirtyLines(string project)
    {
        var readme = Path.Combine(Repository.Root, "src", project, "README.md");

        Assert.True(File.Exists(readme), $"{readme} is missing");
        Assert.InRange(File.ReadAllLines(readme).Length, 3, 30);
    }

    private static int Floor(string project)
    {
        var floor = Array.FindIndex(s_floors, rooms => rooms.Contains(project));
        Assert.True(floor >= 0, $"{project} has no floor; give it one in {nameof(ReferenceTests)}");
        return floor;
    }
}
