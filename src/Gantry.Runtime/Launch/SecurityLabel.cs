using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>process.apparmorProfile and process.selinuxLabel, set for the next execve through the kernel's attr files.</summary>
internal static class SecurityLabel
{
    private const string AppArmorFlag = "/sys/module/apparmor/parameters/enabled";
    private const string AppArmorFile = "thread-self/attr/apparmor/exec";
    private const string SharedFile = "thread-self/attr/exec";
    private const string SelinuxMount = "/sys/fs/selinux";

    public static bool HasAppArmor => State.SmallFile.TryRead(AppArmorFlag) is [(byte)'Y', ..];

    public static bool HasSelinux => SysStat.FileSystemType(SelinuxMount) == SysStat.SELINUX_MAGIC;

    /// <summary>Adds what the kernel cannot do to the errors of a configuration.</summary>
    public static void Check(ProcessSpec process, List<string> errors)
    {
        if (AppArmorProfile(process) is { } profile && !HasAppArmor)
        {
            errors.Add(
                $"process.apparmorProfile: \"{profile}\" cannot be applied, this kernel has no AppArmor; remove the field or enable it");
        }
        if (process.SelinuxLabel is { Length: > 0 } label && !HasSelinux)
        {
            errors.Add(
                $"process.selinuxLabel: \"{label}\" cannot be applied, this kernel has no SELinux; remove the field or enable it");
        }
    }

    /// <summary>The file of procfs to write to; null without a label.</summary>
    public static string? PathFor(ProcessSpec? process)
    {
        if (process is null)
        {
            return null;
        }
        if (process.SelinuxLabel is { Length: > 0 })
        {
            return SharedFile;
        }
        if (AppArmorProfile(process) is null)
        {
            return null;
        }
        return SysStat.TryStatus(Fcntl.AT_FDCWD, AppArmorFile, true, out _) == 0 ? AppArmorFile : SharedFile;
    }

    public static void Write(FileDescriptor file, ProcessSpec process)
    {
        var text = process.SelinuxLabel is { Length: > 0 } label ? label : $"exec {AppArmorProfile(process)}";
        try
        {
            Unistd.WriteAll(file.Number, Encoding.UTF8.GetBytes(text), $"\"{text}\" to {PathFor(process)}");
        }
        catch (LinuxException e)
        {
            throw new FaultException(e.Kind, $"{e.Message}; the profile or context must be loaded", e);
        }
    }

    /// <summary>"unconfined" is what a process has without a profile.</summary>
    private static string? AppArmorProfile(ProcessSpec process) =>
        process.ApparmorProfile is { Length: > 0 } profile && profile != "unconfined" ? profile : null;
}
