using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Linux.Tests;

public sealed class LinuxExceptionTests
{
    [Fact]
    public void Message_FailedCall_NamesCallObjectTextAndErrno()
    {
        var fault = Assert.Throws<LinuxException>(() => SysMount.Mount("none", "/no/such/place", "tmpfs", 0));
        Assert.Equal("mount /no/such/place: no such file or directory (ENOENT)", fault.Message);
        Assert.Equal((FaultKind.NotFound, Errno.ENOENT), (fault.Kind, fault.ErrorNumber));
    }

    [Fact]
    public void NewMount_BadOption_CarriesTheFileSystemsWords()
    {
        var fault = Assert.Throws<LinuxException>(() => SysMount.NewMount("tmpfs", "tmpfs", ["size=nonsense"], 0));
        Assert.Contains("tmpfs size=nonsense", fault.Message);
    }

    [Theory]
    [InlineData("9", 9)]
    [InlineData("KILL", 9)]
    [InlineData("sigterm", 15)]
    [InlineData("RTMIN+3", 37)]
    [InlineData("SIGRTMAX-1", 63)]
    [InlineData("65", -1)]
    [InlineData("NOPE", -1)]
    [InlineData("", -1)]
    public void SignalParse_Text_GivesTheNumber(string text, int expected) => Assert.Equal(expected, Signal.Parse(text));

    [Fact]
    public void OpenAt_InRoot_DoesNotLeaveTheDirectory()
    {
        var directory = Directory.CreateTempSubdirectory("gantry-openat-").FullName;
        try
        {
            File.CreateSymbolicLink($"{directory}/out", "/etc/hostname");
            File.CreateSymbolicLink($"{directory}/up", "../../../../etc/hostname");
            using var root = Fcntl.Open(directory, Fcntl.O_PATH | Fcntl.O_DIRECTORY);
            foreach (var name in (string[])["out", "up", "../../etc/hostname", "/etc/hostname"])
            {
                Assert.Equal(Errno.ENOENT, Fcntl.TryOpenAt(root.Number, name, Fcntl.O_PATH, Fcntl.RESOLVE_IN_ROOT, out _));
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
