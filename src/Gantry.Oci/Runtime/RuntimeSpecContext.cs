using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gantry.Oci.Runtime;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(RuntimeSpec))]
[JsonSerializable(typeof(ProcessSpec))]
[JsonSerializable(typeof(ResourcesSpec))]
[JsonSerializable(typeof(SeccompSpec))]
[JsonSerializable(typeof(ContainerState))]
internal sealed partial class RuntimeSpecContext : JsonSerializerContext;
