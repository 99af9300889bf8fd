namespace Gantry.Schema;

/// <summary>The shape of a field's value. The table's word is the lower-case name, but for List (<c>[]T</c>) and Map (<c>map[T]</c>).</summary>
public enum FieldKind
{
    /// <summary>Text.</summary>
    String,

    /// <summary>A 32-bit integer.</summary>
    Int32,

    /// <summary>A 64-bit integer.</summary>
    Int64,

    /// <summary>True or false.</summary>
    Bool,

    /// <summary>A floating point number.</summary>
    Double,

    /// <summary>Bytes, base64 in JSON.</summary>
    Bytes,

    /// <summary>A time in whole seconds, RFC 3339.</summary>
    Time,

    /// <summary>A time in microseconds, RFC 3339.</summary>
    MicroTime,

    /// <summary>A number with an SI suffix.</summary>
    Quantity,

    /// <summary>An integer or text.</summary>
    IntOrString,

    /// <summary>Any JSON value.</summary>
    Any,

    /// <summary>A field set of managedFields: a JSON object.</summary>
    Fields,

    /// <summary>An object of a named type.</summary>
    Object,

    /// <summary>A list.</summary>
    List,

    /// <summary>A map from text.</summary>
    Map,
}
