using System.Globalization;

namespace Gantry.Store.Tests;

/// <summary>
/// How long the trials take and from which seed they start: GANTRY_STORE_MINUTES for a long run by hand, GANTRY_STORE_SEED to repeat one. The
/// seed fixes what clients and the disk choose; what runs beside what is the scheduler's.
/// </summary>
internal static class TrialSettings
{
    public static TimeSpan? Minutes { get; } = Number("GANTRY_STORE_MINUTES") is { } minutes ? TimeSpan.FromMinutes(minutes) : null;

    public static int Seed { get; } = Number("GANTRY_STORE_SEED") ?? Random.Shared.Next(1_000_000);

    private static int? Number(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var number) ? number : null;
}
