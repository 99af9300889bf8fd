namespace Gantry.Schema;

/// <summary>How server-side apply owns the items of a list (x-kubernetes-list-type).</summary>
public enum ListKind
{
    /// <summary>The list is one value.</summary>
    Atomic,

    /// <summary>Each distinct scalar is owned by itself.</summary>
    Set,

    /// <summary>Each item is owned by itself and known by its keys.</summary>
    Map,
}
