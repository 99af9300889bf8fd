using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>
/// A set of field paths as a tree, in the notation of FieldsV1: <c>f:name</c> for fields and map keys, <c>k:{...}</c> for
/// list items by their keys, <c>v:...</c> for values of sets.
/// </summary>
internal sealed class FieldSet
{
    private readonly SortedDictionary<string, FieldSet> _children = new(StringComparer.Ordinal);

    /// <summary>Whether the path of this node itself is in the set.</summary>
    public bool Member { get; set; }

    public bool IsEmpty => !Member && _children.Count == 0;

    public IReadOnlyDictionary<string, FieldSet> Children => _children;

    public FieldSet Child(string step)
    {
        if (!_children.TryGetValue(step, out var child))
        {
            _children[step] = child = new FieldSet();
        }

        return child;
    }

    public FieldSet? Find(string step) => _children.GetValueOrDefault(step);

    public void Remove(string step) => _children.Remove(step);

    public static FieldSet Parse(JsonMap fields)
    {
        var set = new FieldSet();
        foreach (var (step, value) in fields)
        {
            if (step == ".")
            {
                set.Member = true;
                continue;
            }

            var child = value is JsonMap { Count: > 0 } map ? Parse(map) : new FieldSet { Member = true };
            set._children[step] = child;
        }

        return set;
    }

    public JsonMap ToTree()
    {
        var tree = new JsonMap();
        if (Member && _children.Count > 0)
        {
            tree["."] = new JsonMap();
        }

        foreach (var (step, child) in _children)
        {
            tree[step] = child.ToTree();
        }

        return tree;
    }

    public FieldSet Clone()
    {
        var copy = new FieldSet { Member = Member };
        foreach (var (step, child) in _children)
        {
            copy._children[step] = child.Clone();
        }

        return copy;
    }

    /// <summary>Adds another set's paths to this one.</summary>
    public void Add(FieldSet other)
    {
        Member |= other.Member;
        foreach (var (step, child) in other._children)
        {
            Child(step).Add(child);
        }
    }

    /// <summary>Takes another set's paths, and all that lies below them, out of this one; says whether anything went.</summary>
    public bool Subtract(FieldSet other)
    {
        var changed = false;
        foreach (var (step, child) in other._children)
        {
            if (!_children.TryGetValue(step, out var mine))
            {
                continue;
            }

            if (child.Member)
            {
                _children.Remove(step);
                changed = true;
                continue;
            }

            changed |= mine.Subtract(child);
            if (mine.IsEmpty)
            {
                _children.Remove(step);
            }
        }

        return changed;
    }

    /// <summary>Takes exactly the other set's paths out, leaving what lies below a path.</summary>
    public void SubtractExact(FieldSet other)
    {
        Member &= !other.Member;
        foreach (var (step, child) in other._children)
        {
            if (_children.TryGetValue(step, out var mine))
            {
                mine.SubtractExact(child);
                if (mine.IsEmpty)
                {
                    _children.Remove(step);
                }
            }
        }
    }

    /// <summary>The paths that are in both sets, as messages show them.</summary>
    public IEnumerable<string> Common(FieldSet other, string path = "")
    {
        if (Member && other.Member && path.Length > 0)
        {
            yield return path;
        }

        foreach (var (step, child) in _children)
        {
            if (other._children.TryGetValue(step, out var theirs))
            {
                foreach (var common in child.Common(theirs, path + Print(step)))
                {
                    yield return common;
                }
            }
        }
    }

    /// <summary>Keeps only paths that are members of both.</summary>
    public FieldSet Intersect(FieldSet other)
    {
        var both = new FieldSet { Member = Member && other.Member };
        foreach (var (step, child) in _children)
        {
            if (other._children.TryGetValue(step, out var theirs) && child.Intersect(theirs) is { IsEmpty: false } common)
            {
                both._children[step] = common;
            }
        }

        return both;
    }

    /// <summary><c>.spec</c>, <c>[name="c"]</c>, <c>["value"]</c>.</summary>
    private static string Print(string step) => step[0] switch
    {
        'f' => "." + step[2..],
        'k' => "[" + string.Join(",", JsonTree.ParseMap(System.Text.Encoding.UTF8.GetBytes(step[2..])).Select(static p => $"{p.Key}={JsonTree.ToText(p.Value)}")) + "]",
        _ => "[=" + step[2..] + "]",
    };
}
