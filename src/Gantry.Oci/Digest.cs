using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json.Serialization;
using Gantry.Faults;

namespace Gantry.Oci;

/// <summary>
/// A content digest, <c>algorithm:hex</c> (OCI image specification, descriptor.md, "Digests"). Only the registered
/// algorithms sha256 and sha512 with lower-case hex of the right length are digests here. The default value is empty and
/// names nothing.
/// </summary>
[JsonConverter(typeof(DigestJsonConverter))]
public readonly record struct Digest : IComparable<Digest>
{
    private const string Sha256Prefix = "sha256:";
    private const string Sha512Prefix = "sha512:";
    private readonly string? _value;

    private Digest(string value) => _value = value;

    /// <summary>The whole text, or an empty string for the default value.</summary>
    public string Value => _value ?? "";

    /// <summary>Whether this is the default value.</summary>
    public bool IsEmpty => _value is null;

    /// <summary><c>sha256</c> or <c>sha512</c>.</summary>
    public string Algorithm => IsEmpty ? "" : Value[..6];

    /// <summary>The hexadecimal part.</summary>
    public string Hex => IsEmpty ? "" : Value[7..];

    /// <summary>The first twelve characters of the hexadecimal part, as people see it.</summary>
    public string Short => IsEmpty ? "" : Value[7..19];

    /// <summary>Parses a digest; throws <c>InvalidArgument</c> with the reason.</summary>
    public static Digest Parse(string text)
    {
        if (TryParse(text, out var digest))
        {
            return digest;
        }
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var reason = colon <= 0 ? "invalid checksum digest format"
            : text[..colon] is not ("sha256" or "sha512") ? "unsupported digest algorithm"
            : text.Length - colon - 1 != (text.StartsWith(Sha256Prefix, StringComparison.Ordinal) ? 64 : 128)
                ? "invalid checksum digest length"
                : "invalid checksum digest format";
        throw new FaultException(FaultKind.InvalidArgument, reason);
    }

    /// <summary>Parses a digest, or says that the text is none.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        digest = default;
        var expected = text is null ? 0
            : text.StartsWith(Sha256Prefix, StringComparison.Ordinal) ? 64
            : text.StartsWith(Sha512Prefix, StringComparison.Ordinal) ? 128
            : 0;
        if (text is null || expected == 0 || text.Length != expected + 7 || !IsLowerHex(text.AsSpan(7)))
        {
            return false;
        }
        digest = new Digest(text);
        return true;
    }

    /// <summary>The sha256 digest of some bytes.</summary>
    public static Digest OfBytes(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(content, hash);
        return FromHash(hash);
    }

    /// <summary>The digest whose binary hash this is: 32 bytes for sha256, 64 for sha512.</summary>
    public static Digest FromHash(ReadOnlySpan<byte> hash) => hash.Length switch
    {
        32 => new Digest(Sha256Prefix + Convert.ToHexStringLower(hash)),
        64 => new Digest(Sha512Prefix + Convert.ToHexStringLower(hash)),
        _ => throw new FaultException(FaultKind.InvalidArgument, "invalid checksum digest length"),
    };

    /// <summary>A hash function of this digest's algorithm; the caller disposes it.</summary>
    public IncrementalHash CreateHash() =>
        IncrementalHash.CreateHash(Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);

    /// <summary>Whether the bytes have this digest.</summary>
    public bool Verify(ReadOnlySpan<byte> content)
    {
        using var hash = CreateHash();
        hash.AppendData(content);
        return FromHash(hash.GetHashAndReset()) == this;
    }

    /// <inheritdoc/>
    public int CompareTo(Digest other) => string.CompareOrdinal(Value, other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value;

    private static bool IsLowerHex(ReadOnlySpan<char> text) => text.IndexOfAnyExcept("0123456789abcdef") < 0;
}
