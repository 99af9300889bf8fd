using Gantry.Store.Sqlite;

namespace Gantry.Store;

/// <summary>
/// A persistent AVL tree of entries by ordinal key: an update copies the path to the root and leaves every older root
/// valid. A root is therefore a consistent snapshot that readers use without locks, and the history of roots is the
/// history of the store.
/// <para>Updates that belong together have the number of an edit: what one of them copied the next one changes in place. Nobody else may
/// see a root of an edit before it is over; an edit of 0 always copies.</para>
/// </summary>
internal sealed class KeyTree
{
    private readonly long _edit;
    private KeyTree? _left;
    private KeyTree? _right;
    private int _height;

    private KeyTree(KeyTree? left, StoreEntry entry, KeyTree? right, long edit)
    {
        _edit = edit;
        Entry = entry;
        Join(left, right);
    }

    /// <summary>The entry at this node.</summary>
    public StoreEntry Entry { get; private set; }

    /// <summary>How many entries the tree under this node holds.</summary>
    public int Count { get; private set; }

    public static int CountOf(KeyTree? tree) => tree?.Count ?? 0;

    public static StoreEntry? Find(KeyTree? tree, string key)
    {
        while (tree is not null)
        {
            var order = string.CompareOrdinal(key, tree.Entry.Key);
            if (order == 0)
            {
                return tree.Entry;
            }

            tree = order < 0 ? tree._left : tree._right;
        }

        return null;
    }

    /// <summary>The tree of entries that are in ordinal order of their keys, each key once.</summary>
    public static KeyTree? Build(ReadOnlySpan<StoreEntry> sorted)
    {
        if (sorted.IsEmpty)
        {
            return null;
        }

        var middle = sorted.Length / 2;
        return new KeyTree(Build(sorted[..middle]), sorted[middle], Build(sorted[(middle + 1)..]), edit: 0);
    }

    /// <summary>The tree with the entry added, or replaced where its key exists.</summary>
    public static KeyTree Set(KeyTree? tree, StoreEntry entry, long edit = 0)
    {
        if (tree is null)
        {
            return new KeyTree(null, entry, null, edit);
        }

        var order = string.CompareOrdinal(entry.Key, tree.Entry.Key);
        if (order == 0)
        {
            return tree.With(tree._left, entry, tree._right, edit);
        }

        return order < 0
            ? tree.Balance(Set(tree._left, entry, edit), tree.Entry, tree._right, edit)
            : tree.Balance(tree._left, tree.Entry, Set(tree._right, entry, edit), edit);
    }

    /// <summary>The tree without the key; the same tree when it is not there.</summary>
    public static KeyTree? Remove(KeyTree? tree, string key, long edit = 0) => Find(tree, key) is null ? tree : RemoveThere(tree!, key, edit);

    /// <summary>The tree after changes.</summary>
    public static KeyTree? Apply(KeyTree? tree, IEnumerable<StoredChange> changes, long edit = 0)
    {
        foreach (var change in changes)
        {
            tree = change.After is { } entry ? Set(tree, entry, edit) : Remove(tree, change.Key, edit);
        }

        return tree;
    }

    /// <summary>How many keys are ordinally smaller than <paramref name="key"/> (or equal, when inclusive).</summary>
    public static int Rank(KeyTree? tree, string key, bool inclusive)
    {
        var rank = 0;
        while (tree is not null)
        {
            var order = string.CompareOrdinal(tree.Entry.Key, key);
            if (order < 0 || (inclusive && order == 0))
            {
                rank += CountOf(tree._left) + 1;
                tree = tree._right;
            }
            else
            {
                tree = tree._left;
            }
        }

        return rank;
    }

    /// <summary>Copies entries in key order, <paramref name="skip"/> left out, until the list holds <paramref name="take"/>.</summary>
    public static void Copy(KeyTree? tree, int skip, int take, List<StoreEntry> into)
    {
        if (tree is null || into.Count >= take)
        {
            return;
        }

        var left = CountOf(tree._left);
        if (skip < left)
        {
            Copy(tree._left, skip, take, into);
        }

        if (skip <= left && into.Count < take)
        {
            into.Add(tree.Entry);
        }

        Copy(tree._right, Math.Max(0, skip - left - 1), take, into);
    }

    private static int Height(KeyTree? tree) => tree?._height ?? 0;

    private static KeyTree? RemoveThere(KeyTree tree, string key, long edit)
    {
        var order = string.CompareOrdinal(key, tree.Entry.Key);
        if (order < 0)
        {
            return tree.Balance(RemoveThere(tree._left!, key, edit), tree.Entry, tree._right, edit);
        }

        if (order > 0)
        {
            return tree.Balance(tree._left, tree.Entry, RemoveThere(tree._right!, key, edit), edit);
        }

        if (tree._left is null || tree._right is null)
        {
            return tree._left ?? tree._right;
        }

        var successor = tree._right;
        while (successor._left is not null)
        {
            successor = successor._left;
        }

        return tree.Balance(tree._left, successor.Entry, RemoveThere(tree._right, successor.Entry.Key, edit), edit);
    }

    private void Join(KeyTree? left, KeyTree? right)
    {
        _left = left;
        _right = right;
        _height = 1 + Math.Max(Height(left), Height(right));
        Count = 1 + CountOf(left) + CountOf(right);
    }

    // This node with other content: itself where this edit made it, and a copy otherwise.
    private KeyTree With(KeyTree? left, StoreEntry entry, KeyTree? right, long edit)
    {
        if (_edit != edit || edit == 0)
        {
            return new KeyTree(left, entry, right, edit);
        }

        Entry = entry;
        Join(left, right);
        return this;
    }

    private KeyTree Balance(KeyTree? left, StoreEntry entry, KeyTree? right, long edit)
    {
        var difference = Height(left) - Height(right);
        if (difference > 1)
        {
            return Height(left!._left) >= Height(left._right)
                ? new KeyTree(left._left, left.Entry, new KeyTree(left._right, entry, right, edit), edit)
                : new KeyTree(
                    new KeyTree(left._left, left.Entry, left._right!._left, edit),
                    left._right.Entry,
                    new KeyTree(left._right._right, entry, right, edit),
                    edit);
        }

        if (difference < -1)
        {
            return Height(right!._right) >= Height(right._left)
                ? new KeyTree(new KeyTree(left, entry, right._left, edit), right.Entry, right._right, edit)
                : new KeyTree(
                    new KeyTree(left, entry, right._left!._left, edit),
                    right._left.Entry,
                    new KeyTree(right._left._right, right.Entry, right._right, edit),
                    edit);
        }

        return With(left, entry, right, edit);
    }
}
