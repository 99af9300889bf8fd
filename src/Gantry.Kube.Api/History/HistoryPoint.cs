namespace Gantry.Kube.Api.History;

/// <summary>A moment of the cluster: a revision of the store and its time.</summary>
/// <param name="Revision">The revision; what the cluster was when it was the newest.</param>
/// <param name="Time">When that revision was committed.</param>
public sealed record HistoryPoint(long Revision, DateTimeOffset Time);
