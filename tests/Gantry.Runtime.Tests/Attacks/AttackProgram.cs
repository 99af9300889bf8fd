using System.Diagnostics;

namespace Gantry.Runtime.Tests.Attacks;

/// <summary>
/// A hostile program, compiled from C into a container's root: what a shell is too slow for. It has no libraries, so that
/// nothing but the kernel stands between it and the host.
/// </summary>
internal static class AttackProgram
{
    private const string Includes = """
        #define _GNU_SOURCE
        #include <dirent.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <grp.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/ioctl.h>
        #include <sys/mount.h>
        #include <sys/ptrace.h>
        #include <sys/stat.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <sys/xattr.h>
        #include <time.h>
        #include <unistd.h>

        """;

    /// <summary>Compiles the body of a C file to /bin/NAME of the bundle's root.</summary>
    public static void Install(TestBundle bundle, string name, string source, params string[] options)
    {
        var file = $"{bundle.Path}/{name}.c";
        File.WriteAllText(file, Includes + source);
        using var compiler = Process.Start(new ProcessStartInfo(
            "gcc", [.. options, "-O1", "-static", "-w", "-o", $"{bundle.Rootfs}/bin/{name}", file])
        { RedirectStandardError = true })!;
        var errors = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        Assert.True(compiler.ExitCode == 0, errors);
    }
}
