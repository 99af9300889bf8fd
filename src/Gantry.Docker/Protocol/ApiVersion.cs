using System.Globalization;

namespace Gantry.Docker.Protocol;

/// <summary>A version of the Engine API, as in /v1.44/.</summary>
internal readonly record struct ApiVersion(int Major, int Minor) : IComparable<ApiVersion>
{
    /// <summary>The newest that is spoken.</summary>
    internal static ApiVersion Newest { get; } = new(1, 50);

    /// <summary>The oldest that is accepted.</summary>
    internal static ApiVersion Oldest { get; } = new(1, 24);

    public int CompareTo(ApiVersion other) => Major != other.Major ? Major.CompareTo(other.Major) : Minor.CompareTo(other.Minor);

    public override string ToString() => $"{Major.ToString(CultureInfo.InvariantCulture)}.{Minor.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Whether this version is at least 1.minor.</summary>
    internal bool AtLeast(int minor) => CompareTo(new ApiVersion(1, minor)) >= 0;

    /// <summary>Reads a path segment "v1.44"; false for any other segment.</summary>
    internal static bool TryParse(ReadOnlySpan<char> segment, out ApiVersion version)
    {
        version = default;
        int dot = segment.IndexOf('.');
        if (segment.Length < 4 || segment[0] != 'v' || dot < 2
            || !int.TryParse(segment[1..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            || !int.TryParse(segment[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int minor))
        {
            return false;
        }

        version = new ApiVersion(major, minor);
        return true;
    }
}
