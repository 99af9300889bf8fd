using System.Text.Json.Serialization;

namespace Gantry.Build.Execution;

[JsonSerializable(typeof(string[]))]
internal sealed partial class BuildJson : JsonSerializerContext;
