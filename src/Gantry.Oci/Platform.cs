using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using Gantry.Faults;

namespace Gantry.Oci;

/// <summary>An operating system and processor, in Go's names: <c>linux/amd64</c>, <c>linux/arm64/v8</c>.</summary>
public sealed record Platform
{
    /// <summary>The processor, for example <c>amd64</c>.</summary>
    [JsonPropertyName("architecture")]
    public string Architecture { get; set; } = "";

    /// <summary>The operating system, for example <c>linux</c>.</summary>
    [JsonPropertyName("os")]
    public string Os { get; set; } = "";

    /// <summary>The operating system's version (Windows only in practice).</summary>
    [JsonPropertyName("os.version")]
    public string? OsVersion { get; set; }

    /// <summary>Required features of the operating system.</summary>
    [JsonPropertyName("os.features")]
    public IReadOnlyList<string>? OsFeatures { get; set; }

    /// <summary>The processor's variant, for example <c>v8</c>.</summary>
    [JsonPropertyName("variant")]
    public string? Variant { get; set; }

    /// <summary>The platform of this machine.</summary>
    public static Platform Host { get; } = new()
    {
        Os = "linux",
        Architecture = RuntimeInformation.OSArchitecture switch
        {
            System.Runtime.InteropServices.Architecture.X64 => "amd64",
            System.Runtime.InteropServices.Architecture.X86 => "386",
            System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
            System.Runtime.InteropServices.Architecture.Arm => "arm",
            System.Runtime.InteropServices.Architecture.S390x => "s390x",
            System.Runtime.InteropServices.Architecture.Ppc64le => "ppc64le",
            System.Runtime.InteropServices.Architecture.RiscV64 => "riscv64",
            System.Runtime.InteropServices.Architecture.LoongArch64 => "loong64",
            var other => other.ToString().ToLowerInvariant(),
        },
    };

    /// <summary>
    /// Parses <c>os[/arch[/variant]]</c> or a lone architecture; common aliases (x86_64, aarch64) are normalised.
    /// Throws <c>InvalidArgument</c>.
    /// </summary>
    public static Platform Parse(string text)
    {
        var parts = text.Split('/');
        if (parts.Length is 0 or > 3 || parts.Any(part => part.Length == 0 || !part.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.')))
        {
            throw new FaultException(FaultKind.InvalidArgument,
                $"\"{text}\" is an invalid platform: expected os, os/arch or os/arch/variant");
        }
        if (parts.Length == 1)
        {
            return parts[0] is "linux" ? Host : Normalize("linux", parts[0], null);
        }
        return Normalize(parts[0], parts[1], parts.Length == 3 ? parts[2] : null);
    }

    /// <summary>Whether an image of platform <paramref name="image"/> runs where this platform is asked for.</summary>
    public bool Matches(Platform image)
    {
        var normal = Normalize(image.Os, image.Architecture, image.Variant);
        var own = Normalize(Os, Architecture, Variant);
        return own.Os == normal.Os && own.Architecture == normal.Architecture
            && (own.Variant is null || normal.Variant is null || own.Variant == normal.Variant);
    }

    /// <summary><c>os/arch[/variant]</c>.</summary>
    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";

    private static Platform Normalize(string os, string architecture, string? variant)
    {
        var (arch, implied) = architecture.ToLowerInvariant() switch
        {
            "x86_64" or "x86-64" => ("amd64", null),
            "aarch64" => ("arm64", null),
            "armhf" => ("arm", "v7"),
            "armel" => ("arm", "v6"),
            "i386" or "i686" or "x86" => ("386", null),
            var other => (other, (string?)null),
        };
        variant = string.IsNullOrEmpty(variant) ? implied : variant.ToLowerInvariant();
        if (arch == "arm64" && variant is "8" or "v8")
        {
            variant = null;
        }
        return new Platform { Os = os.ToLowerInvariant(), Architecture = arch, Variant = variant };
    }
}
