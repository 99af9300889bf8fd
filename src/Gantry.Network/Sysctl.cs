using Gantry.Faults;

namespace Gantry.Network;

/// <summary>Kernel parameters of the calling thread's namespaces (proc_sys(5)).</summary>
internal static class Sysctl
{
    /// <summary>Writes one parameter, named with dots or slashes.</summary>
    internal static void Write(string name, string value)
    {
        // An interface name may itself have dots: names with slashes are taken as they are.
        string path = "/proc/sys/" + (name.Contains('/', StringComparison.Ordinal) ? name : name.Replace('.', '/'));
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            file.Write(System.Text.Encoding.ASCII.GetBytes(value));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"write {path}: {exception.Message}", exception);
        }
    }
}
