namespace Gantry.Engine.Events;

/// <summary>
/// Something that happened, in Docker's words: type container, image, volume, network; action create, start, die...; the
/// object's id (a volume's and an image's name) and its attributes.
/// </summary>
public sealed record EngineEvent(string Type, string Action, string Id, IReadOnlyDictionary<string, string> Attributes, DateTimeOffset Time);
