using Gantry.Bench.Results;

namespace Gantry.Bench.Runtimes;

/// <summary>Values by program, and the metrics that compare Gantry's with each peer's.</summary>
internal sealed class RuntimeMetrics(string name, string unit)
{
    private readonly Dictionary<RuntimeProgram, List<double>> _values = [];

    /// <summary>The most that Gantry's median may be of crun's.</summary>
    public double? RatioTarget { get; init; }

    public string Note { get; init; } = "";

    public void Add(RuntimeProgram program, double value)
    {
        if (!_values.TryGetValue(program, out var values))
        {
            _values[program] = values = [];
        }

        values.Add(value);
    }

    /// <summary>One metric for each of Gantry's programs beside each peer; alone when there is no peer.</summary>
    public IEnumerable<Metric> ToMetrics()
    {
        var peers = _values.Where(static item => !item.Key.IsOwn).ToList();
        foreach (var (own, values) in _values.Where(static item => item.Key.IsOwn))
        {
            var suffix = own.Name == "gantry" ? "" : "_fixed";
            var note = Note.Length > 0 ? $"{own.Title}; {Note}" : own.Title;
            if (peers.Count == 0)
            {
                yield return new Metric(name + suffix, unit, values) { Note = $"{note}; no peer: neither crun nor runc runs a container here" };
            }

            foreach (var (peer, peerValues) in peers)
            {
                yield return new Metric($"{name}{suffix}_{peer.Name}", unit, values)
                {
                    Peer = peer.Title,
                    PeerValues = peerValues,
                    RatioTarget = peer.Name == "crun" ? RatioTarget : null,
                    Note = note,
                };
            }
        }
    }
}
