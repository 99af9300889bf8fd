using System.Collections.Generic;

namespace Gantry.Schema;

/// <summary>The types of one group and version: one file of schema/.</summary>
public sealed class SchemaTable
{
    /// <summary>Makes a table; <paramref name="alias"/> is the file's name with a slash, as <c>core/v1</c>.</summary>
    public SchemaTable(string alias, string group, string version, string protobufPackage)
    {
        Alias = alias;
        Group = group;
        Version = version;
        ProtobufPackage = protobufPackage;
    }

    /// <summary>How other tables name this one: <c>core/v1</c>.</summary>
    public string Alias { get; }

    /// <summary>The API group; empty for the core group.</summary>
    public string Group { get; }

    /// <summary>The version, as <c>v1</c>.</summary>
    public string Version { get; }

    /// <summary>The package of the protobuf messages; OpenAPI's definition names derive from it.</summary>
    public string ProtobufPackage { get; }

    /// <summary>The apiVersion field of the kinds.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : Group + "/" + Version;

    /// <summary>The types in the file's order.</summary>
    public List<SchemaType> Types { get; } = new();
}
