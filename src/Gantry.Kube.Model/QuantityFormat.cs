namespace Gantry.Kube.Model;

/// <summary>The family of a quantity's suffixes.</summary>
public enum QuantityFormat
{
    /// <summary>Powers of ten: n, u, m, k, M, G, T, P, E.</summary>
    DecimalSI,

    /// <summary>Powers of 1024: Ki, Mi, Gi, Ti, Pi, Ei.</summary>
    BinarySI,

    /// <summary>Powers of ten written as an exponent: e3.</summary>
    DecimalExponent,
}
