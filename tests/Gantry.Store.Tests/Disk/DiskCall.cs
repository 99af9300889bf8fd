namespace Gantry.Store.Tests.Disk;

/// <summary>The calls that can fail.</summary>
internal enum DiskCall
{
    Open,
    Write,
    Sync,
    Truncate,
    Delete,
    SharedMemory,
}
