using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Monitor;

/// <summary>The monitor's only loop: poll(2) over its sources, in one thread, allocating nothing while idle.</summary>
internal sealed class PollLoop
{
    private readonly List<PollSource> _sources = [];
    private PollDescriptor[] _descriptors = new PollDescriptor[16];

    public void Add(PollSource source) => _sources.Add(source);

    /// <summary>Waits once and handles what is ready.</summary>
    public void RunOnce(int timeoutMs)
    {
        _sources.RemoveAll(static source => source.IsClosed);
        var count = _sources.Count;
        if (count > _descriptors.Length)
        {
            Array.Resize(ref _descriptors, count * 2);
        }
        for (var i = 0; i < count; i++)
        {
            var events = _sources[i].Events;
            _descriptors[i] = new PollDescriptor(events == 0 ? -1 : _sources[i].Descriptor, events);
        }
        if (Poll.Wait(_descriptors.AsSpan(0, count), timeoutMs) == 0)
        {
            return;
        }
        for (var i = 0; i < count; i++)
        {
            // A source that another one has just closed has nothing more to say.
            if (_descriptors[i].Ready != 0 && !_sources[i].IsClosed)
            {
                _sources[i].OnReady(_descriptors[i].Ready);
            }
        }
    }
}
