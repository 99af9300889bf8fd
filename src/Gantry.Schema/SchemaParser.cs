using System;
using System.Collections.Generic;
using System.Globalization;

namespace Gantry.Schema;

/// <summary>
/// Reads the tables of schema/ (the format is described in schema/README.md). A table with a mistake is a
/// <see cref="FormatException"/> that names file and line.
/// </summary>
public static class SchemaParser
{
    private static readonly string[] AllVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

    private static readonly Dictionary<string, FieldKind> Scalars = new()
    {
        ["string"] = FieldKind.String,
        ["int32"] = FieldKind.Int32,
        ["int64"] = FieldKind.Int64,
        ["bool"] = FieldKind.Bool,
        ["double"] = FieldKind.Double,
        ["bytes"] = FieldKind.Bytes,
        ["time"] = FieldKind.Time,
        ["microtime"] = FieldKind.MicroTime,
        ["quantity"] = FieldKind.Quantity,
        ["intorstring"] = FieldKind.IntOrString,
        ["any"] = FieldKind.Any,
        ["fields"] = FieldKind.Fields,
    };

    /// <summary>Reads one table; <paramref name="fileName"/> is as <c>core-v1.schema</c>.</summary>
    public static SchemaTable Parse(string fileName, string text)
    {
        var dash = fileName.LastIndexOf('-');
        var alias = fileName.Substring(0, dash) + "/" + fileName.Substring(dash + 1).Replace(".schema", "");
        SchemaTable? table = null;
        SchemaType? type = null;
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].TrimEnd();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            try
            {
                if (line[0] == ' ')
                {
                    type!.Fields.Add(ParseField(line, alias));
                    continue;
                }

                var words = line.Split(' ');
                if (words[0] == "group")
                {
                    table = new SchemaTable(alias, words[1] == "core" ? "" : words[1], words[2], words[3]);
                    continue;
                }

                type = words[0] == "kind" ? ParseKind(table!, line) : ParseType(table!, words);
                table!.Types.Add(type);
            }
            catch (Exception e) when (e is NullReferenceException or IndexOutOfRangeException or FormatException or ArgumentException)
            {
                throw new FormatException($"{fileName}:{i + 1}: {e.Message}: {line}", e);
            }
        }

        return table ?? throw new FormatException($"{fileName}: no group line");
    }

    /// <summary>Connects the object types of all tables; a name that no table has is a <see cref="FormatException"/>.</summary>
    public static void Link(IReadOnlyCollection<SchemaTable> tables)
    {
        var types = new Dictionary<string, SchemaType>();
        foreach (var table in tables)
        {
            foreach (var type in table.Types)
            {
                types[type.QualifiedName] = type;
            }
        }

        foreach (var type in types.Values)
        {
            foreach (var field in type.Fields)
            {
                for (var t = field.Type; t is not null; t = t.Element)
                {
                    if (t.TypeName is not null)
                    {
                        t.Target = types.TryGetValue(t.TypeName, out var target)
                            ? target
                            : throw new FormatException($"{type.QualifiedName}.{field.Name}: no type {t.TypeName}");
                    }
                }
            }
        }
    }

    private static SchemaType ParseType(SchemaTable table, string[] words)
    {
        if (words[0] != "type")
        {
            throw new FormatException("expected group, kind or type");
        }

        return new SchemaType(table, words[1]) { Atomic = words.Length > 2 && words[2] == "atomic" };
    }

    private static SchemaType ParseKind(SchemaTable table, string line)
    {
        var about = line.IndexOf(" -- ", StringComparison.Ordinal);
        var words = (about < 0 ? line : line.Substring(0, about)).Split(' ');
        var type = new SchemaType(table, words[1]) { IsKind = true, About = about < 0 ? "" : line.Substring(about + 4) };
        for (var i = 2; i < words.Length; i++)
        {
            var (name, value) = Pair(words[i]);
            switch (name)
            {
                case "plural":
                    type.Plural = value;
                    type.Verbs = AllVerbs;
                    break;
                case "scope": type.Namespaced = value == "Namespaced"; break;
                case "short": type.ShortNames = value.Split(','); break;
                case "categories": type.Categories = value.Split(','); break;
                case "verbs": type.Verbs = value.Split(','); break;
                case "subresources": type.Subresources = value.Split(','); break;
                default: throw new FormatException("unknown attribute " + name);
            }
        }

        return type;
    }

    private static SchemaField ParseField(string line, string alias)
    {
        var words = line.Trim().Split(' ');
        var numbers = Array.ConvertAll(words[0].Split('.'), n => int.Parse(n, CultureInfo.InvariantCulture));
        var field = new SchemaField(words[1], ParseFieldType(words[2], alias), numbers);
        for (var i = 3; i < words.Length; i++)
        {
            var (name, value) = Pair(words[i]);
            switch (name)
            {
                case "required": field.Required = true; break;
                case "default": field.Default = DefaultAsJson(field.Type.Kind, value); break;
                case "enum": field.Enum = value.Split('|'); break;
                case "map": field.AtomicMap = value == "atomic"; break;
                case "list":
                    field.List = value[0] == 'm' ? ListKind.Map : value == "set" ? ListKind.Set : ListKind.Atomic;
                    field.ListKeys = Argument(value)?.Split(',') ?? [];
                    break;
                case "patch":
                    field.PatchMerge = value.StartsWith("merge", StringComparison.Ordinal);
                    field.PatchRetainKeys = value.Contains("retainKeys");
                    field.PatchMergeKey = Argument(value);
                    break;
                default: throw new FormatException("unknown attribute " + name);
            }
        }

        return field;
    }

    private static FieldType ParseFieldType(string word, string alias)
    {
        if (word.StartsWith("[]", StringComparison.Ordinal))
        {
            return new FieldType(FieldKind.List, ParseFieldType(word.Substring(2), alias));
        }

        if (word.StartsWith("map[", StringComparison.Ordinal))
        {
            return new FieldType(FieldKind.Map, ParseFieldType(word.Substring(4, word.Length - 5), alias));
        }

        if (Scalars.TryGetValue(word, out var kind))
        {
            return new FieldType(kind);
        }

        return new FieldType(FieldKind.Object, null, word.IndexOf('.') < 0 ? alias + "." + word : word);
    }

    private static string DefaultAsJson(FieldKind kind, string value)
        => kind is FieldKind.String && value[0] != '"' ? "\"" + value + "\"" : value;

    private static string? Argument(string value)
    {
        var open = value.IndexOf('(');
        return open < 0 ? null : value.Substring(open + 1, value.Length - open - 2);
    }

    private static (string Name, string Value) Pair(string word)
    {
        var equals = word.IndexOf('=');
        return equals < 0 ? (word, "") : (word.Substring(0, equals), word.Substring(equals + 1));
    }
}
