using System.Text.Json.Serialization;
using Gantry.Engine.Containers;
using Gantry.Engine.Sandboxes;
using Gantry.Engine.Volumes;

namespace Gantry.Engine;

/// <summary>Codecs of the stored records.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ContainerRecord))]
[JsonSerializable(typeof(SandboxStatus))]
[JsonSerializable(typeof(VolumeRecord))]
internal sealed partial class EngineJson : JsonSerializerContext;
