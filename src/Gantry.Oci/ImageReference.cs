using System.Diagnostics.CodeAnalysis;
using Gantry.Faults;

namespace Gantry.Oci;

/// <summary>
/// A normalised image reference, <c>domain/path[:tag][@digest]</c>, by the grammar of the distribution project:
/// <c>busybox</c> is <c>docker.io/library/busybox</c>, <c>localhost:5000/app</c> stays itself. Immutable; equal when the
/// canonical texts are equal.
/// </summary>
public sealed record ImageReference
{
    /// <summary>The domain that names without one belong to.</summary>
    public const string DefaultDomain = "docker.io";

    private const string OfficialPrefix = "library/";
    // distribution reference.go: RepositoryNameTotalLengthMax.
    private const int MaxNameLength = 255;

    private ImageReference(string domain, string path, string? tag, Digest? digest)
    {
        Domain = domain;
        Path = path;
        Tag = tag;
        Digest = digest;
    }

    /// <summary>The registry: host and optional port.</summary>
    public string Domain { get; }

    /// <summary>The repository within the registry, for example <c>library/busybox</c>.</summary>
    public string Path { get; }

    /// <summary>The tag, or null.</summary>
    public string? Tag { get; private init; }

    /// <summary>The digest, or null.</summary>
    public Digest? Digest { get; private init; }

    /// <summary>Domain and path.</summary>
    public string Repository => $"{Domain}/{Path}";

    /// <summary>The repository as people write it: <c>busybox</c>, <c>localhost:5000/app</c>.</summary>
    public string FamiliarName => Domain != DefaultDomain ? Repository
        : Path.StartsWith(OfficialPrefix, StringComparison.Ordinal) && Path.IndexOf('/', OfficialPrefix.Length) < 0
            ? Path[OfficialPrefix.Length..]
            : Path;

    /// <summary>The whole reference as people write it.</summary>
    public string Familiar => FamiliarName + Suffix;

    private string Suffix => (Tag is null ? "" : ":" + Tag) + (Digest is null ? "" : "@" + Digest.Value.Value);

    /// <summary>Parses and normalises; throws <c>InvalidArgument</c> in docker's words.</summary>
    public static ImageReference Parse(string text) =>
        TryParse(text, out var reference, out var error) ? reference : throw new FaultException(FaultKind.InvalidArgument, error);

    /// <summary>Parses and normalises, or says why not.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ImageReference? reference, [NotNullWhen(false)] out string? error)
    {
        reference = null;
        error = "invalid reference format";
        if (string.IsNullOrEmpty(text))
        {
            return false;
        }
        if (text.Length == 64 && text.AsSpan().IndexOfAnyExcept("0123456789abcdef") < 0)
        {
            error = $"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings";
            return false;
        }
        if (!SplitSuffixes(text, out var name, out var tag, out var digest))
        {
            return false;
        }
        var (domain, path) = SplitDomain(name);
        if (path.Any(char.IsAsciiLetterUpper))
        {
            error = $"invalid reference format: repository name ({path}) must be lowercase";
            return false;
        }
        if (!ReferenceGrammar.IsDomain(domain) || !ReferenceGrammar.IsPath(path))
        {
            return false;
        }
        if (domain.Length + 1 + path.Length > MaxNameLength)
        {
            error = $"repository name must not be more than {MaxNameLength} characters";
            return false;
        }
        reference = new ImageReference(domain, path, tag, digest);
        error = null;
        return true;
    }

    /// <summary>This reference with <c>:latest</c> when it has neither tag nor digest.</summary>
    public ImageReference WithDefaultTag() => Tag is null && Digest is null ? this with { Tag = "latest" } : this;

    /// <summary>The same repository with another tag and no digest; throws <c>InvalidArgument</c> for an invalid tag.</summary>
    public ImageReference WithTag(string tag) => ReferenceGrammar.IsTag(tag)
        ? this with { Tag = tag, Digest = null }
        : throw new FaultException(FaultKind.InvalidArgument, "invalid tag format");

    /// <summary>The same repository with a digest and no tag.</summary>
    public ImageReference WithDigest(Digest digest) => this with { Tag = null, Digest = digest };

    /// <summary>The same repository without tag and digest.</summary>
    public ImageReference NameOnly() => this with { Tag = null, Digest = null };

    /// <summary>The canonical text.</summary>
    public override string ToString() => Repository + Suffix;

    private static bool SplitSuffixes(string text, out string name, out string? tag, out Digest? digest)
    {
        (name, tag, digest) = (text, null, null);
        var at = name.IndexOf('@', StringComparison.Ordinal);
        if (at >= 0)
        {
            if (!Oci.Digest.TryParse(name[(at + 1)..], out var parsed))
            {
                return false;
            }
            digest = parsed;
            name = name[..at];
        }
        var colon = name.LastIndexOf(':');
        if (colon >= 0 && name.IndexOf('/', colon) < 0)
        {
            tag = name[(colon + 1)..];
            name = name[..colon];
            return ReferenceGrammar.IsTag(tag);
        }
        return true;
    }

    private static (string Domain, string Path) SplitDomain(string name)
    {
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var first = slash < 0 ? "" : name[..slash];
        var isDomain = slash >= 0
            && (first.AsSpan().ContainsAny('.', ':') || first == "localhost" || first.Any(char.IsAsciiLetterUpper));
        var (domain, path) = isDomain ? (first, name[(slash + 1)..]) : (DefaultDomain, name);
        if (domain == "index.docker.io")
        {
            domain = DefaultDomain;
        }
        if (domain == DefaultDomain && !path.Contains('/', StringComparison.Ordinal))
        {
            path = OfficialPrefix + path;
        }
        return (domain, path);
    }
}
