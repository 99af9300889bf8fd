namespace Gantry.Bench.Instances;

/// <summary>A measurement cannot go on; the message says why.</summary>
internal sealed class BenchException(string message) : Exception(message);
