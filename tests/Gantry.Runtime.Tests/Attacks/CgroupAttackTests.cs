using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests.Attacks;

/// <summary>CVE-2023-25809: the host's cgroups writable in a container that has a user but no cgroup namespace.</summary>
public sealed class CgroupAttackTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    // Makes groups and moves itself, in every directory that it finds, also after it has tried to lift the read-only flag.
    private const string Attack = """
        for mount in /sys/fs/cgroup /sys/fs/cgroup/*; do busybox mount -o remount,rw,bind "$mount" 2>/dev/null; done
        find=$(busybox find /sys/fs/cgroup -type d)
        for directory in $find; do
            [ -e "$directory/tasks" ] || [ -e "$directory/cgroup.controllers" ] || continue
            mkdir "$directory/escaped" 2>/dev/null && echo "made $directory/escaped"
            (echo $$ > "$directory/cgroup.procs") 2>/dev/null && echo "joined $directory"
        done
        ls /sys/fs/cgroup | head -n 1
        """;

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public async Task Cgroups_MountedReadOnly_CannotBeWritten(bool userNamespace, bool bound)
    {
        var bundle = fixture.NewBundle(Attack, spec =>
        {
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "cgroup");
            if (userNamespace)
            {
                spec.Linux.Namespaces.Add(new NamespaceSpec { Type = "user" });
                spec.Linux.UidMappings = [new IdMappingSpec { HostID = 100000, Size = 65536 }];
                spec.Linux.GidMappings = [new IdMappingSpec { HostID = 100000, Size = 65536 }];
                // Root of its user namespace has every right that the namespace gives.
                spec.Process!.Capabilities!.Bounding!.Add("CAP_SYS_ADMIN");
                spec.Process.Capabilities.Effective!.Add("CAP_SYS_ADMIN");
                spec.Process.Capabilities.Permitted!.Add("CAP_SYS_ADMIN");
            }
            if (bound)
            {
                // What an engine does that has no cgroup mount to give: the host's whole tree.
                spec.Mounts!.RemoveAll(static item => item.Type == "cgroup");
                spec.Mounts.Add(new MountSpec
                {
                    Destination = "/sys/fs/cgroup",
                    Type = "bind",
                    Source = "/sys/fs/cgroup",
                    Options = ["rbind", "ro", "rro", "nosuid", "noexec", "nodev"],
                });
            }
        });
        if (userNamespace)
        {
            bundle.GiveTo(100000);
        }
        var (code, output, error) = await bundle.RunAsync();
        foreach (var made in output.Split('\n').Where(static line => line.StartsWith("made ", StringComparison.Ordinal)))
        {
            // An attack that succeeds leaves groups on the host.
            var path = made["made ".Length..];
            Array.ForEach(Directory.GetDirectories("/sys/fs/cgroup", "escaped", SearchOption.AllDirectories), Directory.Delete);
            Assert.Fail($"{path} was made");
        }
        Assert.True(code == 0, error);
        Assert.DoesNotContain("made", output);
        Assert.DoesNotContain("joined", output);
        Assert.NotEqual("", output.Trim());
    }
}
