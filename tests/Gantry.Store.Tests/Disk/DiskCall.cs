namespace Gantry.Store.Tests.Disk;

/// <summary>The calls that can fail.</summary>
internal enum DiskCall
{
    Open,
    Read,
    Write,
    Sync,
    Truncate,
    Delete,
    SharedMemory,
}
