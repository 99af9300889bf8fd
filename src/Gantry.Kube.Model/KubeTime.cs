using System.Globalization;

namespace Gantry.Kube.Model;

/// <summary>The API's two time formats: metav1.Time in whole seconds and metav1.MicroTime, both RFC 3339 in UTC.</summary>
public static class KubeTime
{
    /// <summary>As <c>2026-01-31T12:00:00Z</c>.</summary>
    public static string Format(DateTimeOffset time)
        => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>As <c>2026-01-31T12:00:00.000000Z</c>.</summary>
    public static string FormatMicro(DateTimeOffset time)
        => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    /// <summary>Reads either format, with any offset; the result is in UTC.</summary>
    public static bool TryParse(string text, out DateTimeOffset time)
    {
        time = default;
        var zoned = text.Length >= 20 && text[10] is 'T' && (text[^1] is 'Z' || text[^6] is '+' or '-');
        if (!zoned || !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed))
        {
            return false;
        }

        time = parsed.ToUniversalTime();
        return true;
    }
}
