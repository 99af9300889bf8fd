using System.Collections.Immutable;
using Gantry.Oci;

namespace Gantry.Images.Catalog;

/// <summary>All images and their names at one moment. Immutable.</summary>
internal sealed record CatalogState(
    ImmutableDictionary<Digest, ImageRecord> Images, ImmutableSortedDictionary<string, ReferenceRecord> References)
{
    public static CatalogState Empty { get; } = new(
        ImmutableDictionary<Digest, ImageRecord>.Empty,
        ImmutableSortedDictionary.Create<string, ReferenceRecord>(StringComparer.Ordinal));

    public IEnumerable<string> NamesOf(Digest image) =>
        References.Where(reference => reference.Value.Image == image).Select(reference => reference.Key);

    /// <summary>The state without some images and their names.</summary>
    public CatalogState Without(IEnumerable<Digest> images)
    {
        var gone = images.ToHashSet();
        return gone.Count == 0 ? this : new CatalogState(
            Images.RemoveRange(gone),
            References.RemoveRange(References.Where(reference => gone.Contains(reference.Value.Image)).Select(reference => reference.Key)));
    }

    public IEnumerable<Digest> ChildrenOf(Digest image) =>
        Images.Where(pair => pair.Value.Parent == image).Select(pair => pair.Key);
}
