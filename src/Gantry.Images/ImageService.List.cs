using Gantry.Images.Catalog;
using Gantry.Oci;

namespace Gantry.Images;

public sealed partial class ImageService
{
    /// <summary>The images that a filter lets through, the newest first. <c>NotFound</c> when before or since name no image.</summary>
    public async Task<IReadOnlyList<Image>> ListAsync(ImageFilter filter, CancellationToken cancellationToken = default)
    {
        var before = filter.Before is null ? null : await ResolveAsync(filter.Before, cancellationToken).ConfigureAwait(false);
        var since = filter.Since is null ? null : await ResolveAsync(filter.Since, cancellationToken).ConfigureAwait(false);
        var state = _catalog.State;
        var parents = state.Images.Values.Select(record => record.Parent).OfType<Digest>().ToHashSet();
        var images = new List<Image>();
        foreach (var id in state.Images.Keys)
        {
            var image = await LoadAsync(state, id, cancellationToken).ConfigureAwait(false);
            if (image is null || !Passes(image, filter, parents.Contains(id))
                || (before is not null && !(image.Config.Created < before.Config.Created))
                || (since is not null && !(image.Config.Created > since.Config.Created)))
            {
                continue;
            }
            if (filter.References.Count > 0)
            {
                image = image with
                {
                    RepoTags = [.. image.RepoTags.Where(tag => MatchesAny(filter.References, tag))],
                    RepoDigests = [.. image.RepoDigests.Where(digest => MatchesAny(filter.References, digest))],
                };
                if (image.RepoTags.Count == 0 && image.RepoDigests.Count == 0)
                {
                    continue;
                }
            }
            images.Add(image);
        }
        return [.. images.OrderByDescending(image => image.Config.Created).ThenBy(image => image.Id)];
    }

    private static bool Passes(Image image, ImageFilter filter, bool hasChildren)
    {
        var isDangling = image.RepoTags.Count == 0;
        if (isDangling && hasChildren && !filter.All)
        {
            return false;
        }
        if (filter.Dangling is { } dangling && dangling != (isDangling && !hasChildren))
        {
            return false;
        }
        if (filter.Until is { } until && !(image.Config.Created < until))
        {
            return false;
        }
        return filter.Labels.All(label => HasLabel(image.RunConfig.Labels, label));
    }

    private static bool HasLabel(Dictionary<string, string>? labels, string wanted)
    {
        var equals = wanted.IndexOf('=', StringComparison.Ordinal);
        var name = equals < 0 ? wanted : wanted[..equals];
        return labels is not null && labels.TryGetValue(name, out var value) && (equals < 0 || value == wanted[(equals + 1)..]);
    }

    private static bool MatchesAny(IReadOnlyList<string> patterns, string familiar)
    {
        var at = familiar.IndexOf('@', StringComparison.Ordinal);
        var colon = familiar.LastIndexOf(':');
        var name = at >= 0 ? familiar[..at] : colon > familiar.LastIndexOf('/') ? familiar[..colon] : familiar;
        return patterns.Any(pattern => Glob.IsMatch(pattern, familiar) || Glob.IsMatch(pattern, name));
    }
}
