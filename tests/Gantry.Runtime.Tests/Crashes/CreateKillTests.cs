using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests.Crashes;

/// <summary>
/// Kills `create` after a system call, and looks whether `delete --force` leaves nothing. A sample is drawn from all the calls
/// by a fixed seed; GANTRY_KILL_ALL=1 tries every one, which takes some minutes.
/// </summary>
public sealed class CreateKillTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private const int Seed = 20251125;
    private const int Samples = 90;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Create_KilledAfterASystemCall_DeleteLeavesNothing(bool everybody)
    {
        var bundle = NewBundle();
        var stopper = $"{bundle.Path}/stop";
        SystemCallStopper.Install(stopper);
        var create = $"create --pid-file {bundle.Path}/pid -b {bundle.Path} {bundle.Id}";
        var (code, total) = await SystemCallStopper.RunAsync(fixture, stopper, int.MaxValue, everybody, create);
        Assert.True(code == 0, await File.ReadAllTextAsync(stopper + ".out"));
        Assert.InRange(total, 300, 5000);
        await AssertDeletedAsync(bundle, "uninterrupted");
        var killed = 0;
        foreach (var call in Choose(total))
        {
            (code, _) = await SystemCallStopper.RunAsync(fixture, stopper, call, everybody, create);
            killed += code == 137 ? 1 : 0;
            await AssertDeletedAsync(bundle, $"killed after call {call} of {total}, exit code {code}");
        }
        Assert.InRange(killed, Samples / 3, total);
        // The same name serves again.
        Assert.Equal(0, (await SystemCallStopper.RunAsync(fixture, stopper, int.MaxValue, everybody, create)).ExitCode);
        await AssertDeletedAsync(bundle, "at last");
    }

    private static IEnumerable<int> Choose(int total)
    {
        if (Environment.GetEnvironmentVariable("GANTRY_KILL_ALL") == "1")
        {
            return Enumerable.Range(1, total);
        }
        var random = new Random(Seed);
        return Enumerable.Range(0, Samples).Select(_ => random.Next(1, total + 1)).Order().Distinct().ToList();
    }

    private TestBundle NewBundle() => fixture.NewBundle("sleep 1000", static spec =>
    {
        spec.Linux!.Resources!.Memory = new MemorySpec { Limit = 64 << 20 };
        spec.Linux.Resources.Pids = new PidsSpec { Limit = 50 };
        spec.Linux.Seccomp = new SeccompSpec
        {
            DefaultAction = "SCMP_ACT_ALLOW",
            Syscalls = [new SeccompSyscallSpec { Names = ["kexec_load"], Action = "SCMP_ACT_ERRNO" }],
        };
        spec.Mounts!.Add(new MountSpec { Destination = "/new/place", Type = "tmpfs", Source = "tmpfs" });
    });

    private async Task AssertDeletedAsync(TestBundle bundle, string what)
    {
        var (code, _, error) = await fixture.RunAsync("delete", "--force", bundle.Id);
        Assert.True(code == 0, $"{what}: delete: {error}");
        var limit = TestBundle.Timeout();
        string[] left;
        while ((left = Left(bundle)).Length > 0)
        {
            Assert.False(limit.IsCancellationRequested, $"{what}: left: {string.Join(", ", left)}");
            await Task.Delay(2, CancellationToken.None);
        }
    }

    /// <summary>Whatever there is of the container: state, groups, processes (with their namespaces), mounts.</summary>
    private string[] Left(TestBundle bundle) =>
    [
        .. Directory.EnumerateFileSystemEntries(fixture.Root).Where(static path => Path.GetFileName(path) != ".seccomp"),
        .. Directory.EnumerateFileSystemEntries($"{fixture.Root}/.seccomp").Where(static path => Path.GetFileName(path).Contains('.')),
        .. Directory.EnumerateDirectories("/sys/fs/cgroup").Select(controller => $"{controller}/gantry-test/{bundle.Id}").Append($"/sys/fs/cgroup/gantry-test/{bundle.Id}").Where(Directory.Exists),
        .. Directory.EnumerateDirectories("/proc").Where(path => Path.GetFileName(path).All(char.IsAsciiDigit) && Mentions($"{path}/cmdline", bundle.Id)),
        .. File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(bundle.Path, StringComparison.Ordinal)),
    ];

    private static bool Mentions(string path, string text)
    {
        try
        {
            return File.ReadAllText(path).Contains(text, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended meanwhile
        }
    }
}
