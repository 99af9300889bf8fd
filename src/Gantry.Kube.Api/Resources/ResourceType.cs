using System.Text;
using Gantry.Kube.Model;
using Gantry.Schema;

namespace Gantry.Kube.Api.Resources;

/// <summary>A served resource: its schema, its behaviour, and where its objects are stored.</summary>
internal sealed class ResourceType
{
    public ResourceType(SchemaType schema, ResourceStrategy strategy, ResourceType? storedAs = null)
    {
        Schema = schema;
        Strategy = strategy;
        StoredAs = storedAs ?? this;
        Info = new ResourceInfo(schema.Table.Group, schema.Table.Version, schema.Name, schema.Plural, schema.Namespaced);
        ObjectPrefix = Encoding.UTF8.GetBytes($"{{\"kind\":\"{Kind}\",\"apiVersion\":\"{ApiVersion}\",\"metadata\":{{");
        Prefix = Group.Length == 0 || storedAs is not null ? $"/registry/{Plural}/" : $"/registry/{Group}/{Plural}/";
    }

    public SchemaType Schema { get; }

    public ResourceStrategy Strategy { get; }

    public ResourceInfo Info { get; }

    /// <summary>The type whose form the store holds: another one for events.k8s.io, whose objects are core events.</summary>
    public ResourceType StoredAs { get; }

    public string Group => Schema.Table.Group;

    public string Version => Schema.Table.Version;

    public string ApiVersion => Schema.Table.ApiVersion;

    public string Kind => Schema.Name;

    public string Plural => Schema.Plural;

    public bool Namespaced => Schema.Namespaced;

    /// <summary>As <c>pods</c> or <c>deployments.apps</c>: how messages name the resource.</summary>
    public string Qualified => Group.Length == 0 ? Plural : Plural + "." + Group;

    /// <summary>Every stored object starts with these bytes; the resource version is put behind them on the way out.</summary>
    public byte[] ObjectPrefix { get; }

    /// <summary>The prefix of the keys.</summary>
    public string Prefix { get; }

    public bool Allows(string verb) => Schema.Verbs.Contains(verb, StringComparer.Ordinal);

    public bool HasSubresource(string name) => Schema.Subresources.Contains(name, StringComparer.Ordinal);

    /// <summary>The key of an object.</summary>
    public string Key(string? ns, string name) => Namespaced ? $"{Prefix}{ns}/{name}" : Prefix + name;

    /// <summary>The prefix of a namespace's keys, or of all.</summary>
    public string RangePrefix(string? ns) => Namespaced && !string.IsNullOrEmpty(ns) ? $"{Prefix}{ns}/" : Prefix;
}
