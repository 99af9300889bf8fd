using Gantry.Faults;

namespace Gantry.Store.Sqlite;

/// <summary>
/// A lock file that makes its holder the only process that has the store open. The kernel drops it when the process ends, however it
/// ends (flock(2)). SQLite's own locks stay ordinary ones, so that more connections can read while one writes.
/// </summary>
internal sealed class OwnerLock : IDisposable
{
    private readonly FileStream _file;

    private OwnerLock(FileStream file) => _file = file;

    /// <summary>Takes the lock, or says who has it (FailedPrecondition).</summary>
    public static OwnerLock Take(string databasePath)
    {
        var path = databasePath + ".lock";
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{databasePath} is in use by another gantryd; stop it, or give this one another --root");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new FaultException(FaultKind.Unavailable, $"lock {path}: {failure.Message}", failure);
        }

        return new OwnerLock(file);
    }

    public void Dispose() => _file.Dispose();
}
