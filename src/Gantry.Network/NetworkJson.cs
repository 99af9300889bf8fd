using System.Text.Json.Serialization;
using Gantry.Network.Networks;
using Gantry.Network.Sandboxes;

namespace Gantry.Network;

/// <summary>Codecs of the stored records.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(NetworkRecord))]
[JsonSerializable(typeof(SandboxRecord))]
internal sealed partial class NetworkJson : JsonSerializerContext;
