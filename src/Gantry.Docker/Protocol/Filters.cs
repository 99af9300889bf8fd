using System.Text.Json;
using Gantry.Faults;

namespace Gantry.Docker.Protocol;

/// <summary>The filters parameter of lists, prunes and events.</summary>
internal sealed class Filters
{
    private readonly Dictionary<string, List<string>> _values = [];

    /// <summary>The values of a key; empty without.</summary>
    internal IReadOnlyList<string> this[string key] => _values.GetValueOrDefault(key) ?? [];

    internal bool Any => _values.Count > 0;

    internal static Filters Parse(string text)
    {
        Filters filters = new();
        if (text.Length == 0)
        {
            return filters;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                filters._values[property.Name] = property.Value.ValueKind == JsonValueKind.Array
                    ? [.. property.Value.EnumerateArray().Select(value => value.GetString()!)]
                    : [.. property.Value.EnumerateObject().Where(value => value.Value.ValueKind == JsonValueKind.True).Select(value => value.Name)];
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid filter '{text}'", exception);
        }

        return filters;
    }

    /// <summary>Refuses keys that a list does not know.</summary>
    internal Filters Only(params string[] known)
    {
        string? unknown = _values.Keys.FirstOrDefault(key => !known.Contains(key));
        return unknown is null ? this : throw new FaultException(FaultKind.InvalidArgument, $"invalid filter '{unknown}'");
    }

    /// <summary>Whether labels fulfil every label and label! filter.</summary>
    internal bool MatchLabels(IReadOnlyDictionary<string, string> labels)
    {
        bool Has(string filter)
        {
            string[] parts = filter.Split('=', 2);
            return labels.TryGetValue(parts[0], out string? value) && (parts.Length == 1 || value == parts[1]);
        }

        return this["label"].All(Has) && !this["label!"].Any(Has);
    }

    /// <summary>Whether any value of a key fits; true without that key.</summary>
    internal bool Match(string key, Func<string, bool> fits) => this[key].Count == 0 || this[key].Any(fits);
}
