using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests.Attacks;

/// <summary>
/// CVE-2022-24769 and CVE-2022-29162: an inheritable set that is not empty gives an ordinary user the capabilities that a
/// program's file has as inheritable.
/// </summary>
public sealed class CapabilityAttackTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    // As root ("set"): gives the file /bin/caps every capability as inheritable. As anybody else: says what it has got.
    private const string Source = """
        int main(int count, char **arguments)
        {
            if (count > 1) {
                unsigned int data[5] = { 0x02000000 | 1, 0, 0xffffffff, 0, 0x1ff };
                if (setxattr("/bin/caps", "security.capability", data, sizeof data, 0)) { perror("setxattr"); return 1; }
                puts("set"); fflush(stdout); sleep(1000);
            }
            char line[256];
            FILE *status = fopen("/proc/self/status", "r");
            while (fgets(line, sizeof line, status))
                if (!strncmp(line, "CapInh", 6) || !strncmp(line, "CapPrm", 6) || !strncmp(line, "CapEff", 6)) fputs(line, stdout);
            return 0;
        }
        """;

    private const string Nothing = "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n";

    [Fact]
    public async Task Exec_FileWithInheritableCapabilities_GivesAUserNothing()
    {
        var bundle = await StartAsync();
        var (code, output, error) = await fixture.RunAsync("exec", "--user", "1000", bundle.Id, "/bin/caps");
        Assert.Equal((0, Nothing, ""), (code, output, error));
    }

    [Fact]
    public async Task ExecCap_FileWithInheritableCapabilities_GivesAUserNothing()
    {
        var bundle = await StartAsync();
        var (code, output, error) = await fixture.RunAsync(
            "exec", "--user", "1000", "--cap", "CAP_NET_RAW", "--cap", "CAP_SYS_CHROOT", bundle.Id, "/bin/caps");
        Assert.Equal((0, Nothing, ""), (code, output, error));
    }

    [Fact]
    public async Task Run_FileWithInheritableCapabilities_GivesAUserNothing()
    {
        var first = await StartAsync();
        var bundle = fixture.NewBundle("", spec =>
        {
            spec.Process!.Args = ["/bin/caps"];
            spec.Process.NoNewPrivileges = false;
            spec.Process.User = new UserSpec { Uid = 1000, Gid = 1000 };
            // The same files, with the capabilities that the first container gave to one.
            spec.Root!.Path = first.Rootfs;
        });
        var (code, output, error) = await bundle.RunAsync();
        Assert.Equal((0, Nothing, ""), (code, output, error));
    }

    private async Task<TestBundle> StartAsync()
    {
        var bundle = fixture.NewBundle("", static spec =>
        {
            spec.Process!.Args = ["/bin/caps", "set"];
            // It would make the kernel ignore what files give, and nothing would be tested.
            spec.Process.NoNewPrivileges = false;
        });
        AttackProgram.Install(bundle, "caps", Source);
        await bundle.StartAsync();
        await bundle.WaitForOutputAsync("set");
        return bundle;
    }
}
