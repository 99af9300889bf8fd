namespace Gantry.Registry;

internal static class ComparerExtensions
{
    /// <summary>This order, and the ordinal one between what it calls equal, so that a page always knows where it ended.</summary>
    public static IComparer<string> ThenOrdinal(this StringComparer comparer) => Comparer<string>.Create((left, right) =>
        comparer.Compare(left, right) is not 0 and var order ? order : string.CompareOrdinal(left, right));
}
