using System.Text.Json;
using Gantry.Faults;

namespace Gantry.Oci.Runtime;

/// <summary>
/// Reads and writes the runtime specification's documents as UTF-8 JSON. Unknown members are ignored, as the
/// specification asks; a document that is malformed or has a value of the wrong type throws
/// <see cref="FaultKind.InvalidArgument"/> with the member's path and the line.
/// </summary>
public static class RuntimeSpecJson
{
    /// <summary>Reads a config.json; <paramref name="name"/> names the document in errors.</summary>
    public static RuntimeSpec ReadSpec(ReadOnlySpan<byte> json, string name = "config.json") =>
        SpecJsonReader.Read(json, name, RuntimeSpecReader.Spec);

    /// <summary>
    /// Reads of a config.json what a further process of the container needs, and passes over the rest: process, and of linux
    /// personality, memoryPolicy and seccomp, that without its rules (<see cref="SeccompSpec.Source"/> has them).
    /// </summary>
    public static RuntimeSpec ReadSpecForExec(ReadOnlySpan<byte> json, string name = "config.json") =>
        SpecJsonReader.Read(json, name, RuntimeSpecReader.SpecForExec);

    /// <summary>Reads a process object.</summary>
    public static ProcessSpec ReadProcess(ReadOnlySpan<byte> json, string name = "process.json") =>
        SpecJsonReader.Read(json, name, RuntimeSpecReader.Process);

    /// <summary>Reads a linux.resources object.</summary>
    public static ResourcesSpec ReadResources(ReadOnlySpan<byte> json, string name = "resources") =>
        SpecJsonReader.Read(json, name, RuntimeSpecReader.Resources);

    /// <summary>Reads a linux.seccomp object.</summary>
    public static SeccompSpec ReadSeccomp(ReadOnlySpan<byte> json, string name = "seccomp") =>
        SpecJsonReader.Read(json, name, RuntimeSpecReader.Seccomp);

    /// <summary>Writes a config.json.</summary>
    public static byte[] Write(RuntimeSpec spec) =>
        JsonSerializer.SerializeToUtf8Bytes(spec, RuntimeSpecContext.Default.RuntimeSpec);

    /// <summary>Writes a process object.</summary>
    public static byte[] Write(ProcessSpec process) =>
        JsonSerializer.SerializeToUtf8Bytes(process, RuntimeSpecContext.Default.ProcessSpec);

    /// <summary>Writes a linux.seccomp object.</summary>
    public static byte[] Write(SeccompSpec seccomp) =>
        JsonSerializer.SerializeToUtf8Bytes(seccomp, RuntimeSpecContext.Default.SeccompSpec);

    /// <summary>Writes a linux.resources object.</summary>
    public static byte[] Write(ResourcesSpec resources) =>
        JsonSerializer.SerializeToUtf8Bytes(resources, RuntimeSpecContext.Default.ResourcesSpec);

    /// <summary>Writes a container's state.</summary>
    public static byte[] Write(ContainerState state) =>
        JsonSerializer.SerializeToUtf8Bytes(state, RuntimeSpecContext.Default.ContainerState);
}
