namespace System.Runtime;

/// <summary>
/// Tells the NativeAOT compiler, which knows it by its name, to give a method a name for the linker, without what lets native code
/// call into a running .NET runtime.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RuntimeExportAttribute(string entry) : Attribute
{
    public string Entry { get; } = entry;
}
