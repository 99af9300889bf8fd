using System.Text;
using Gantry.Faults;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Checkpoint;

/// <summary>CRIU says in its log why it failed.</summary>
internal static class CriuLog
{
    private const int MaxLines = 5;

    /// <summary>The fault with the log's last errors.</summary>
    public static FaultException Explain(FaultException fault, string path)
    {
        var lines = Encoding.UTF8.GetString(SmallFile.TryRead(path) ?? []).Split('\n')
            .Where(static line => line.Contains("Error", StringComparison.Ordinal)).ToList();
        var errors = string.Join("; ", lines.TakeLast(MaxLines).Select(static line => line.Trim()));
        return new FaultException(fault.Kind, errors.Length > 0 ? $"{fault.Message}: {errors} ({path})" : $"{fault.Message} ({path})", fault);
    }
}
