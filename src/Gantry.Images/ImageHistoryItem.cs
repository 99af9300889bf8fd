using Gantry.Oci;

namespace Gantry.Images;

/// <summary>One step of an image's history. <c>Id</c> is the image after the step where that is known here.</summary>
public sealed record ImageHistoryItem(
    Digest? Id, DateTimeOffset? Created, string CreatedBy, string Comment, IReadOnlyList<string> Tags, long SizeBytes);

/// <summary>A container that uses an image.</summary>
public sealed record ImageUse(string ContainerId, bool IsRunning);

/// <summary>One thing that a removal did: exactly one of the two is set.</summary>
public sealed record ImageRemoval(string? Untagged, Digest? Deleted);

/// <summary>What a prune did.</summary>
public sealed record ImagePrune(IReadOnlyList<ImageRemoval> Removals, long FreedBytes);
