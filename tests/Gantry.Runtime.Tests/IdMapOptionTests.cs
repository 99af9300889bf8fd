using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>crun's mount option idmap= with a map of its own.</summary>
public sealed class IdMapOptionTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Theory]
    [InlineData("idmap=uids=0-5000-1000;gids=0-6000-1000", false, "5007 6008\n")]
    [InlineData("idmap=uids=0-5000-7#7-9000-1;gids=0-6000-1000", false, "9000 6008\n")]
    [InlineData("ridmap=gids=8-1-1;uids=7-2-1", false, "2 1\n")]
    [InlineData("idmap=uids=@7-3-1;gids=@8-4-1", true, "3 4\n")]
    public async Task Run_Map_ShiftsOwners(string option, bool hasUserNamespace, string expected)
    {
        var bundle = fixture.NewBundle("stat -c '%u %g' /m/f", spec =>
        {
            if (hasUserNamespace)
            {
                NamespaceTests.AddUserNamespace(spec);
            }
            spec.Mounts!.Add(new MountSpec { Destination = "/m", Source = "data", Options = ["rbind", option] });
        });
        Directory.CreateDirectory($"{bundle.Path}/data");
        Directory.CreateDirectory($"{bundle.Rootfs}/m");
        File.CreateSymbolicLink($"{bundle.Rootfs}/bin/stat", "busybox");
        var (code, _, _) = await fixture.RunShellAsync(
            $"touch {bundle.Path}/data/f; chown 7:8 {bundle.Path}/data/f; chmod 755 {bundle.Path}/data");
        Assert.Equal(0, code);
        Assert.Equal((0, expected, ""), await bundle.RunAsync());
    }

    [Theory]
    [InlineData("idmap=uids=0-1-1")]
    [InlineData("idmap=users=0-1-1;gids=0-1-1")]
    [InlineData("idmap=uids=0-1;gids=0-1-1")]
    [InlineData("idmap=uids=0-x-1;gids=0-1-1")]
    [InlineData("idmap=")]
    public async Task Create_NoMap_SaysWhatOneIs(string option)
    {
        var bundle = fixture.NewBundle("true", spec => spec.Mounts!.Add(new MountSpec { Destination = "/m", Source = "/tmp", Options = ["bind", option] }));
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("idmap= takes uids= and gids= with triplets", error);
    }

    [Fact]
    public async Task Create_RelativeIdThatNobodyHas_IsNamed()
    {
        var bundle = fixture.NewBundle("true", static spec => spec.Mounts!.Add(
            new MountSpec { Destination = "/m", Source = "/tmp", Options = ["bind", "idmap=uids=@0-77-1;gids=0-1-1"] }));
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("has no id 77", error);
    }
}
