namespace Gantry.Bench.Results;

/// <summary>What is made of a row of values.</summary>
internal static class Statistics
{
    /// <summary>The middle value; of an even count the mean of the two in the middle.</summary>
    public static double Median(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
