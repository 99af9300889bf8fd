using Gantry.Schema;

namespace Gantry.Kube.Model.Schemas;

/// <summary>The tables of schema/ at run time, read once from the assembly. Immutable; safe for any thread.</summary>
public sealed class SchemaCatalog
{
    private static readonly Lazy<SchemaCatalog> Loaded = new(Load);

    private readonly Dictionary<string, SchemaType> _types;

    private SchemaCatalog(IReadOnlyList<SchemaTable> tables)
    {
        Tables = tables;
        _types = tables.SelectMany(static t => t.Types).ToDictionary(static t => t.QualifiedName);
    }

    /// <summary>The catalog of the built-in kinds.</summary>
    public static SchemaCatalog BuiltIn => Loaded.Value;

    /// <summary>All tables, ordered by alias.</summary>
    public IReadOnlyList<SchemaTable> Tables { get; }

    /// <summary>The type of a qualified name such as <c>core/v1.Pod</c>; throws KeyNotFoundException.</summary>
    public SchemaType Get(string qualifiedName) => _types[qualifiedName];

    private static SchemaCatalog Load()
    {
        var assembly = typeof(SchemaCatalog).Assembly;
        var tables = new List<SchemaTable>();
        foreach (var name in assembly.GetManifestResourceNames().Where(static n => n.EndsWith(".schema", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            tables.Add(SchemaParser.Parse(name["schema/".Length..], reader.ReadToEnd()));
        }

        SchemaParser.Link(tables);
        return new SchemaCatalog(tables);
    }
}
