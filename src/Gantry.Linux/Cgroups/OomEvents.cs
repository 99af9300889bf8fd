using Gantry.Linux.Native;

namespace Gantry.Linux.Cgroups;

/// <summary>
/// Tells when processes of a group are killed for want of memory. On v1 an eventfd that memory.oom_control signals (kernel:
/// Documentation/admin-guide/cgroup-v1/memory.rst, section 10), on v2 memory.events, which polls as changed.
/// </summary>
public sealed class OomEvents : IDisposable
{
    private readonly FileDescriptor _file;
    private readonly string _directory;
    private readonly bool _isEventDescriptor;
    private long _reported;

    private OomEvents(FileDescriptor file, bool isEventDescriptor, string directory)
    {
        _file = file;
        _isEventDescriptor = isEventDescriptor;
        _directory = directory;
        _reported = isEventDescriptor ? 0 : Count();
    }

    /// <summary>What to poll.</summary>
    public PollDescriptor Descriptor => new(_file.Number, _isEventDescriptor ? Poll.POLLIN : Poll.POLLPRI);

    /// <summary>How many there were since the last call.</summary>
    public int Read()
    {
        if (_isEventDescriptor)
        {
            Span<byte> value = stackalloc byte[sizeof(ulong)];
            var length = Unistd.Read(_file.Number, value);
            // The group's removal signals too.
            return length == value.Length && CgroupFiles.Exists($"{_directory}/memory.oom_control")
                ? (int)BitConverter.ToUInt64(value)
                : 0;
        }
        var now = Count();
        var number = (int)Math.Max(0, now - _reported);
        _reported = Math.Max(now, _reported);
        return number;
    }

    private long Count() => (long)CgroupFiles.ReadTable(_directory, "memory.events").GetValueOrDefault("oom_kill");

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    internal static OomEvents OpenLegacy(string memoryDirectory)
    {
        var notice = SysEventfd.Open();
        using var control = Fcntl.Open($"{memoryDirectory}/memory.oom_control", Fcntl.O_RDONLY | Fcntl.O_CLOEXEC);
        CgroupFiles.Write(memoryDirectory, "cgroup.event_control", $"{notice.Number} {control.Number}");
        return new OomEvents(notice, true, memoryDirectory);
    }

    internal static OomEvents OpenUnified(string directory)
    {
        var events = Fcntl.Open($"{directory}/memory.events", Fcntl.O_RDONLY | Fcntl.O_CLOEXEC);
        // A change is told to those who have read the file since the one before.
        _ = Unistd.Read(events.Number, stackalloc byte[512]);
        return new OomEvents(events, false, directory);
    }
}
