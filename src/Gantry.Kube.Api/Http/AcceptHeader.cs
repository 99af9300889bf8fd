using System.Globalization;
using Gantry.Kube.Api.Requests;

namespace Gantry.Kube.Api.Http;

/// <summary>The encoding of a response's body.</summary>
internal enum BodyFormat
{
    Json,
    Yaml,
    Protobuf,
}

/// <summary>The shape of the objects in a response.</summary>
internal enum ObjectShape
{
    Full,
    Table,
    Metadata,
}

/// <summary>What the client accepts best of what is offered: format and shape.</summary>
internal readonly record struct Negotiated(BodyFormat Format, ObjectShape Shape)
{
    public string ContentType => Format switch { BodyFormat.Yaml => "application/yaml", BodyFormat.Protobuf => "application/vnd.kubernetes.protobuf", _ => "application/json" };

    /// <summary>Reads an Accept header; a header without anything that is offered is NotAcceptable.</summary>
    public static Negotiated Parse(string? accept)
    {
        if (string.IsNullOrWhiteSpace(accept))
        {
            return default;
        }

        Negotiated? best = null;
        var bestQuality = -1.0;
        foreach (var range in accept.Split(','))
        {
            var parts = range.Split(';', StringSplitOptions.TrimEntries);
            var quality = 1.0;
            string? shape = null;
            string? group = null;
            foreach (var part in parts.AsSpan(1))
            {
                var at = part.IndexOf('=');
                var value = at < 0 ? "" : part[(at + 1)..].Trim('"');
                switch (at < 0 ? part : part[..at])
                {
                    case "q": _ = double.TryParse(value, CultureInfo.InvariantCulture, out quality); break;
                    case "as": shape = value; break;
                    case "g": group = value; break;
                    default: break;
                }
            }

            // JSON is stored and needs no encoding: protobuf only for clients that take nothing else.
            if (Offer(parts[0], shape, group) is { } offer && (quality > bestQuality || (best?.Format == BodyFormat.Protobuf && quality >= bestQuality)))
            {
                best = offer;
                bestQuality = quality;
            }
        }

        return best ?? throw StatusErrors.NotAcceptable();
    }

    private static Negotiated? Offer(string type, string? shape, string? group)
    {
        BodyFormat? format = type switch
        {
            "application/json" or "*/*" or "application/*" => BodyFormat.Json,
            "application/yaml" or "text/yaml" => BodyFormat.Yaml,
            "application/vnd.kubernetes.protobuf" => shape is null ? BodyFormat.Protobuf : null,
            _ => null,
        };
        ObjectShape? form = shape switch
        {
            null => ObjectShape.Full,
            "Table" when group == "meta.k8s.io" => ObjectShape.Table,
            "PartialObjectMetadata" or "PartialObjectMetadataList" when group == "meta.k8s.io" => ObjectShape.Metadata,
            _ => null,
        };
        return format is { } f && form is { } s ? new Negotiated(f, s) : null;
    }
}
