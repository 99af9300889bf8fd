using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Selectors;
using Gantry.Kube.Model.Selectors;

namespace Gantry.Kube.Api.Requests;

/// <summary>What a list, watch or collection deletion selects.</summary>
internal sealed class ListQuery
{
    public LabelMatcher Labels { get; init; } = LabelMatcher.Everything;

    public FieldMatcher Fields { get; init; } = FieldMatcher.Everything;

    public int Limit { get; init; }

    public string? Continue { get; init; }

    /// <summary>Null when none was given.</summary>
    public long? ResourceVersion { get; init; }

    /// <summary>Exact, NotOlderThan or null.</summary>
    public string? ResourceVersionMatch { get; init; }

    public bool SendInitialEvents { get; init; }

    public bool AllowBookmarks { get; init; }

    public TimeSpan? Timeout { get; init; }

    public bool SelectsEverything => Labels.IsEverything && Fields.IsEverything;

    public static LabelMatcher ParseLabels(string? text)
    {
        try
        {
            return LabelMatcher.Parse(text);
        }
        catch (FormatException e)
        {
            throw StatusErrors.BadRequest(e.Message);
        }
    }

    public static long? ParseVersion(string? text)
        => string.IsNullOrEmpty(text) ? null
            : long.TryParse(text, out var version) && version >= 0 ? version
            : throw StatusErrors.BadRequest($"resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax");

    public bool Matches(CachedObject obj) => (Labels.IsEverything || Labels.Matches(obj.Labels)) && (Fields.IsEverything || Fields.Matches(obj));
}
