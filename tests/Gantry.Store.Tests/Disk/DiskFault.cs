namespace Gantry.Store.Tests.Disk;

/// <summary>What happens at a call.</summary>
internal enum DiskFault
{
    /// <summary>The disk is full: what would need room is refused with ENOSPC.</summary>
    Full,

    /// <summary>The call fails with EIO.</summary>
    Error,

    /// <summary>A write leaves only its first half behind and fails; other calls fail with EIO.</summary>
    Torn,

    /// <summary>The machine loses its power: everything fails from here, and what was not synced is lost, in whole or in part.</summary>
    Crash,
}
