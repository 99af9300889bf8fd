using System.Text.Json.Serialization;

namespace Gantry.Registry;

// The error body of the distribution specification.
internal sealed record ErrorList([property: JsonPropertyName("errors")] IReadOnlyList<ErrorItem> Errors);

internal sealed record ErrorItem(
    [property: JsonPropertyName("code")] string Code,
    [property: JsonPropertyName("message")] string Message,
    [property: JsonPropertyName("detail")] string? Detail);

internal sealed record TagList(
    [property: JsonPropertyName("name")] string Name, [property: JsonPropertyName("tags")] IReadOnlyList<string> Tags);

internal sealed record Catalog([property: JsonPropertyName("repositories")] IReadOnlyList<string> Repositories);

[JsonSerializable(typeof(ErrorList))]
[JsonSerializable(typeof(TagList))]
[JsonSerializable(typeof(Catalog))]
internal sealed partial class RegistryJson : JsonSerializerContext;
