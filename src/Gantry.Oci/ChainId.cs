using System.Text;

namespace Gantry.Oci;

/// <summary>The identity of a stack of layers (OCI image specification, config.md, "Layer ChainID").</summary>
public static class ChainId
{
    /// <summary>The ChainID of a layer on a stack; <paramref name="parent"/> is null for the lowest layer.</summary>
    public static Digest Append(Digest? parent, Digest diffId) =>
        parent is null ? diffId : Digest.OfBytes(Encoding.ASCII.GetBytes($"{parent.Value.Value} {diffId.Value}"));

    /// <summary>The ChainID of a whole stack, or null for no layers.</summary>
    public static Digest? Of(IEnumerable<Digest> diffIds)
    {
        Digest? chain = null;
        foreach (var diffId in diffIds)
        {
            chain = Append(chain, diffId);
        }
        return chain;
    }

    /// <summary>The ChainID after each layer, the base first.</summary>
    public static IReadOnlyList<Digest> Each(IReadOnlyList<Digest> diffIds)
    {
        var chains = new List<Digest>(diffIds.Count);
        Digest? chain = null;
        foreach (var diffId in diffIds)
        {
            var next = Append(chain, diffId);
            chains.Add(next);
            chain = next;
        }
        return chains;
    }
}
