using Gantry.Engine.Containers;
using Gantry.Engine.Specs;
using Gantry.Faults;
using Gantry.Oci;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Tests;

public sealed class SpecTests
{
    [Fact]
    public void Apply_EntrypointGiven_DropsImageCommand()
    {
        ContainerConfig image = new() { Entrypoint = ["/entry"], Cmd = ["serve"] };

        Assert.Equal(["/entry", "serve"], SpecMerge.Apply(new ContainerSpec(), image).Arguments);
        Assert.Equal(["/entry", "x"], SpecMerge.Apply(new ContainerSpec { Command = ["x"] }, image).Arguments);
        Assert.Equal(["/mine"], SpecMerge.Apply(new ContainerSpec { Entrypoint = ["/mine"] }, image).Arguments);
        Assert.Equal(["x"], SpecMerge.Apply(new ContainerSpec { Entrypoint = [""], Command = ["x"] }, image).Arguments);
    }

    [Fact]
    public void Apply_NothingToRun_IsInvalid() =>
        Assert.Equal("no command specified", Assert.Throws<FaultException>(() => SpecMerge.Apply(new ContainerSpec(), new ContainerConfig())).Message);

    [Fact]
    public void MergeEnvironment_SameName_ReplacesAndNameAloneRemoves() =>
        Assert.Equal(["A=2", "C=3"], SpecMerge.MergeEnvironment(["A=1", "B=1"], ["A=2", "B", "C=3"]));

    [Fact]
    public void Capabilities_DropAllAddOne_IsOne()
    {
        Assert.Equal(["CAP_CHOWN"], CapabilitySet.Resolve(["chown"], ["ALL"], privileged: false));
        Assert.Equal(14, CapabilitySet.Resolve([], [], privileged: false).Count);
        Assert.DoesNotContain("CAP_SYS_ADMIN", CapabilitySet.Resolve(["ALL"], ["SYS_ADMIN"], privileged: false));
        Assert.Throws<FaultException>(() => CapabilitySet.Resolve(["NONSENSE"], [], privileged: false));
    }

    [Fact]
    public void Seccomp_WithoutSysAdmin_ForbidsMountAndHidesClone3()
    {
        SeccompSpec filter = DefaultSeccomp.Build(CapabilitySet.Resolve([], [], privileged: false));

        Assert.DoesNotContain(filter.Syscalls!, rule => rule.Action == "SCMP_ACT_ALLOW" && rule.Names.Contains("mount"));
        Assert.Contains(filter.Syscalls!, rule => rule.Names.Contains("clone3") && rule.ErrnoRet == 38);
        Assert.Contains(DefaultSeccomp.Build(["CAP_SYS_ADMIN"]).Syscalls!, rule => rule.Action == "SCMP_ACT_ALLOW" && rule.Names.Contains("mount"));
    }

    [Theory]
    [InlineData("", 0u, 0u)]
    [InlineData("app", 1000u, 1001u)]
    [InlineData("app:staff", 1000u, 50u)]
    [InlineData("1000", 1000u, 1001u)]
    [InlineData("4242", 4242u, 0u)]
    [InlineData("4242:4343", 4242u, 4343u)]
    public void User_NameOrNumber_IsLookedUpInTheRoot(string text, uint uid, uint gid)
    {
        using TemporaryRoot root = new();
        UserSpec user = new UserLookup(root.Path).Resolve(text, []);

        Assert.Equal((uid, gid), (user.Uid, user.Gid));
    }

    [Fact]
    public void User_Memberships_AreSupplementaryGroups()
    {
        using TemporaryRoot root = new();

        Assert.Equal([1001u, 50u], new UserLookup(root.Path).Resolve("app", []).AdditionalGids!);
        Assert.Throws<FaultException>(() => new UserLookup(root.Path).Resolve("nobody-here", []));
    }

    [Theory]
    [InlineData("SIGTERM", 15)]
    [InlineData("kill", 9)]
    [InlineData("10", 10)]
    [InlineData("RTMIN+3", 37)]
    public void Signal_NameOrNumber_IsParsed(string text, int number) => Assert.Equal(number, SignalName.Parse(text));

    [Theory]
    [InlineData(1L << 20, 0L, "Minimum memory limit allowed is 6MB")]
    [InlineData(0L, 1L << 30, "You should always set the Memory limit when using Memoryswap limit, see usage")]
    [InlineData(1L << 30, 1L << 20, "Minimum memoryswap limit should be larger than memory limit, see usage")]
    public void Resources_Impossible_AreRefusedInDockersWords(long memory, long swap, string message) => Assert.Equal(
        message, Assert.Throws<FaultException>(() => ResourceTranslation.Validate(new ResourceSpec { Memory = memory, MemorySwap = swap })).Message);

    [Theory]
    [InlineData("exec: \"x\": executable file not found in $PATH", 127)]
    [InlineData("exec: \"/x\": permission denied", 126)]
    [InlineData("mount /x: something else", 128)]
    public void StartFailure_Message_GivesDockersExitCode(string message, int code) => Assert.Equal(code, StartFailure.ExitCode(message));

    private sealed class TemporaryRoot : IDisposable
    {
        internal TemporaryRoot()
        {
            Path = Directory.CreateTempSubdirectory("engine-test-").FullName;
            Directory.CreateDirectory(System.IO.Path.Combine(Path, "etc"));
            File.WriteAllText(System.IO.Path.Combine(Path, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n");
            File.WriteAllText(System.IO.Path.Combine(Path, "etc/group"), "root:x:0:\napp:x:1001:\nstaff:x:50:app\n");
        }

        internal string Path { get; }

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
